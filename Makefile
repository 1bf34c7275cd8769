# Every command of the course; `make` alone explains them. / Todas las órdenes del curso; `make` a secas las explica.
.DEFAULT_GOAL := help
.PHONY: help setup pages lab teach test check build audit run coverage grade doctor models bench-compression bench-compiler bench-grading release slides site pdf lock clean
unexport PYTHONPATH PYTHONHOME

IS_311 := -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'
VENV ?= $(if $(filter mlprod,$(CONDA_DEFAULT_ENV)),$(CONDA_PREFIX),.venv)
PYTHON ?= $(shell for p in "$(VENV)/bin/python" python3.11 python3 python; do "$$p" $(IS_311) 2>/dev/null && echo "$$p" && break; done)
MLPROD := "$(VENV)/bin/mlprod"

help:
	@echo "make lab       abre el curso en JupyterLab           opens the course in JupyterLab"
	@echo "               LANG_COURSE=es|en  PORT=8888  BROWSER=no  PYTHON=/…/python3.11  VENV=.venv"
	@echo "make setup     solo instala                          only installs"
	@echo "make doctor    mira qué hay en esta máquina          looks at what this machine has"
	@echo "make test      todas las pruebas (casi una hora)     every test (the better part of an hour)"
	@echo "make clean     borra el entorno y lo construido      removes the environment and what was built"
	@echo
	@echo "Docencia y autoría / teaching and authoring:"
	@echo "make teach     JupyterLab con las herramientas de nbgrader / with nbgrader's tools"
	@echo "make grade ASSIGNMENT=01_data_passing                califica las entregas / grades the submissions"
	@echo "make build     fuentes -> notebooks (sobrescribe)    sources -> notebooks (overwrites)"
	@echo "make check     estilo, fuentes, notebooks, auditoría style, sources, notebooks, audit"
	@echo "make audit | run | coverage     [UNIT=01_data_passing]"
	@echo "make models    entrena otra vez los modelos          trains the stored models again"
	@echo "make bench-compression   mide la unidad 06           measures unit 06: build/bench/compression.json"
	@echo "make bench-compiler      mide la unidad 07           measures unit 07: build/bench/compiler.json"
	@echo "make bench-grading       mide la corrección          measures grading: build/bench/grading.json"
	@echo "make release   lo que se reparte, en build/release   what is handed out, in build/release"
	@echo "make slides    las clases, en build/slides           the lectures, in build/slides      [UNIT=02] [QUICK=yes]"
	@echo "make site      el curso ejecutado, en build/site     the executed course, in build/site [UNIT=02] [QUICK=yes]"
	@echo "make pdf       lecciones del sitio en PDF            lessons of the site as PDF         [UNIT=02] [SLIDES=yes]"
	@echo "make lock      fija las versiones instaladas         pins the versions that are installed"

setup:
	@"$(PYTHON)" $(IS_311) 2>/dev/null || { \
	  echo "Hace falta Python 3.11 y no lo encuentro. Instálalo (Debian, Ubuntu: python3.11 python3.11-venv; macOS: brew install"; \
	  echo "python@3.11; conda: environment.yml) o di dónde está:  make $(or $(MAKECMDGOALS),lab) PYTHON=/ruta/python3.11"; \
	  echo "Python 3.11 is needed and was not found. Install it (Debian, Ubuntu: python3.11 python3.11-venv; macOS: brew install"; \
	  echo "python@3.11; conda: environment.yml) or say where it is:  make $(or $(MAKECMDGOALS),lab) PYTHON=/path/python3.11"; \
	  exit 1; } >&2
	@PYTHONPATH=src "$(PYTHON)" -m mlprod.lab.bootstrap --venv "$(VENV)"

# what slides and site show in a browser comes once, from npm; without a network they say what is missing
pages: setup
	@"$(VENV)/bin/python" -m mlprod.lab.page_files

lab: setup
	@exec $(MLPROD) lab $(if $(PORT),--port $(PORT)) $(if $(filter no,$(BROWSER)),--no-browser)

teach: setup
	@exec $(MLPROD) lab --teach $(if $(PORT),--port $(PORT)) $(if $(filter no,$(BROWSER)),--no-browser)

test: pages
	@exec $(MLPROD) test

check: setup
	@exec $(MLPROD) test ruff format check audit

build audit run coverage: setup
	@exec $(MLPROD) $@ $(UNIT)

grade: setup
	@exec $(MLPROD) grade $(ASSIGNMENT)

doctor: setup
	@exec $(MLPROD) doctor

models: setup
	@exec $(MLPROD) models

bench-compression: setup
	@exec $(MLPROD) bench compression

bench-compiler: setup
	@exec $(MLPROD) bench compiler

bench-grading: setup
	@exec $(MLPROD) bench grading

release: setup
	@exec $(MLPROD) release

slides site: pages
	@exec $(MLPROD) $@ $(UNIT) $(if $(QUICK),--quick)

pdf: setup
	@exec $(MLPROD) pdf $(UNIT) $(if $(SLIDES),--slides)

lock:
	@"$(VENV)/bin/python" -m mlprod.lab.lock

clean:
	rm -f "$(VENV)/mlprod-ready.json"
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis src/*.egg-info course_es.md course_en.md
