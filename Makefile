# Two commands: `make run` and `make test`. `make` alone lists the rest.

PORT ?= 8501
python := .venv/bin/python
export PYTHON TORCH_INDEX

.PHONY: help run test check clean
.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Options, for example \`make run PORT=9000\`:"
	@echo "  PORT=8501              where the server listens"
	@echo "  PUBLIC=1               open to the network, without a password; otherwise to this machine alone"
	@echo "  PYTHON=python3.12      the Python (3.11 or newer) that .venv is made from"
	@echo "  TORCH_INDEX=ADDRESS    one more package index to look for PyTorch in, such as the one of CPU builds"
	@echo "                         that PyTorch's \"Get started\" page names (see README, Installation)"

run: ## install what is missing and serve ConvScope on port 8501
	@scripts/environment requirements.txt
	@trap 'exit 0' INT; $(python) -m streamlit run app.py --server.port $(PORT) $(if $(PUBLIC),--server.address 0.0.0.0)

test: check ## install what is missing, then run the linter and every test, two files at a time
	@scripts/chromium
	@$(python) -m pytest -n 2 --dist loadfile

check: ## run the linter alone
	@scripts/environment requirements.txt requirements-dev.txt
	@$(python) -m ruff check .

clean: ## remove the virtual environment and everything the tools left behind
	rm -rf .venv .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
