"""What a finished study is good for."""
