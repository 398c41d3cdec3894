# The page on the CPU, as a Hugging Face Docker Space runs it: port 7860, a user without rights.
#   docker build -t underpainting . && docker run -p 7860:7860 underpainting
# The study that it serves is made in the image, so that the page is there at once. PyTorch's build for the CPU is a
# tenth as large: give the address that PyTorch's site names by `--build-arg TORCH_INDEX=...`.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /home/user/app
ENV HOME=/home/user PATH=/home/user/.local/bin:$PATH PYTHONUNBUFFERED=1

ARG TORCH_INDEX=
RUN pip install --user --no-cache-dir ${TORCH_INDEX:+--index-url $TORCH_INDEX} torch
COPY --chown=user pyproject.toml constraints.txt README.md LICENSE ./
COPY --chown=user src src
RUN pip install --user --no-cache-dir ".[page]"
RUN python -m underpainting.page.own_study

EXPOSE 7860
CMD ["underpainting", "serve", "--host", "0.0.0.0", "--public", "--no-open"]
