"""`python -m hf_metalr …`, and through it `accelerate launch -m hf_metalr …`."""

import sys

from hf_metalr.cli import main

if __name__ == "__main__":
    sys.exit(main())
