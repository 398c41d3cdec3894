"""All that workers share: imported once, in the process that they are forked from (see `lifeline`)."""

from underpainting.screen import quiet_libraries

quiet_libraries()  # the screen is the command's

import diffusers.pipelines.pipeline_utils  # noqa: E402, F401

import underpainting.study.phases  # noqa: E402
import underpainting.study.processes  # noqa: E402, F401
