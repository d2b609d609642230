# `make run` and `make test` are the whole set-up. `make help` lists the rest.
PYTHON_BIN := .venv/bin/python
FILE ?=

.PHONY: run test test-transformers check bench soak starter screenshots clean help
.PHONY: setup-run setup-dev setup-train setup-transformers

run: setup-run ## set everything up and open the window (make run FILE=model.gguf)
	@$(PYTHON_BIN) -m app $(FILE)

test: setup-dev ## set everything up and run the tests with coverage
	@$(PYTHON_BIN) -m coverage erase
	@$(PYTHON_BIN) -m pytest --cov --cov-report= -n auto --dist worksteal tests/unit tests/adapters tests/ui
	@$(PYTHON_BIN) -m pytest --cov --cov-append --cov-report= tests/e2e
	@$(PYTHON_BIN) -m coverage report

test-transformers: setup-transformers ## test the extra that runs Hugging Face models
	@$(PYTHON_BIN) -m pytest tests/transformers

check: setup-dev ## lint, format, strict types, import contracts
	@$(PYTHON_BIN) -m ruff check .
	@$(PYTHON_BIN) -m ruff format --check .
	@$(PYTHON_BIN) -m mypy
	@.venv/bin/lint-imports

bench: setup-dev ## measure (make bench MODEL=path to use a model of yours)
	@$(PYTHON_BIN) -m tests.bench $(if $(MODEL),--model "$(MODEL)")

soak: setup-dev ## repeat and kill for long
	@$(PYTHON_BIN) -m pytest tests/soak -m soak --no-header

starter: setup-train ## train the starter model anew and evaluate it (about an hour on two cores)
	@$(PYTHON_BIN) -m resources.starter.train
	@$(PYTHON_BIN) -m resources.starter.evaluate

screenshots: setup-dev ## take the README's pictures from the real program
	@$(PYTHON_BIN) -m tests.screenshots $(if $(FOLDER),--folder "$(FOLDER)")

setup-run:
	@sh packaging/bootstrap.sh run

setup-dev:
	@sh packaging/bootstrap.sh dev

setup-train:
	@sh packaging/bootstrap.sh train

setup-transformers:
	@sh packaging/bootstrap.sh transformers

clean: ## remove what was built (chats and models are elsewhere and stay)
	rm -rf .venv build dist bench-results .mypy_cache .ruff_cache .pytest_cache .coverage*

help:
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 20
