# ---
# title:
#   es: "Modelos más pequeños: cuantizar y podar"
#   en: "Smaller models: quantizing and pruning"
# unit: "06a"
# minutes: 130
# ---

# %% [markdown] lang="es" slide="slide"
# # Modelos más pequeños: cuantizar y podar
#
# Un modelo que ya acierta puede ser demasiado grande para el sitio donde tiene que vivir, o demasiado lento para su plazo. **Comprimirlo** es cambiarlo por otro que ocupa o tarda menos y acierta casi lo mismo. Aquí casi todas las cifras las mides tú; las pocas que no, dicen de dónde salen.
#
# Al terminar sabrás:
#
# 1. **(6a.1)** distinguir las cuatro familias y leer una tabla de compresión con sus errores;
# 2. **(6a.2)** cuantizar de forma afín, guardando enteros de 8 bits de verdad;
# 3. **(6a.3)** predecir cuándo menos bits van más deprisa y cuándo no;
# 4. **(6a.4)** elegir rango, punto cero, escalas por canal y formato numérico, y defenderte de los valores atípicos;
# 5. **(6a.5)** podar un árbol por coste y complejidad, con datos que no ha visto;
# 6. **(6a.6)** quitar unidades para que la red encoja de verdad;
# 7. **(6a.7)** poner pesos a cero por magnitud, y no confundir «pequeño» con «inútil»;
# 8. **(6a.8)** predecir cuándo la dispersión ahorra memoria y tiempo;
# 9. **(6a.9)** usar la poda para buscar una arquitectura.
#
# **Tiempo:** unas dos horas; las celdas tardan en total un minuto y medio. **Qué se ejecuta:** todo en tu máquina, con un hilo y sin Internet. Los modelos grandes ya están entrenados ([sus datos y su ficha](../../datasets/fashion/README.md), 15 000 fotos de ropa de Fashion-MNIST); pon `train_live = True` para entrenarlos aquí, con su barra de progreso.
# %% [markdown] lang="en" slide="slide"
# # Smaller models: quantizing and pruning
#
# A model that is good enough may be too big for the place where it has to live, or too slow for its deadline. To **compress** it is to exchange it for another that takes less room or less time and is right nearly as often. You measure nearly all the numbers here yourself; the few that you do not measure come with their source.
#
# When you finish you will be able to:
#
# 1. **(6a.1)** tell the four families apart, and read a compression table with its errors;
# 2. **(6a.2)** quantize affinely, storing real 8-bit integers;
# 3. **(6a.3)** predict when fewer bits are faster and when they are not;
# 4. **(6a.4)** choose range, zero point, per-channel scales and number format, and defend yourself against outliers;
# 5. **(6a.5)** prune a tree by cost-complexity, with data that it has not seen;
# 6. **(6a.6)** remove units so that the network really shrinks;
# 7. **(6a.7)** set weights to zero by magnitude, and not confuse "small" with "useless";
# 8. **(6a.8)** predict when sparsity saves memory and time;
# 9. **(6a.9)** use pruning to search for an architecture.
#
# **Time:** about two hours; the cells take a minute and a half in all. **What runs:** everything on your machine, on one thread and without the Internet. The big models are trained already ([their data and card](../../datasets/fashion/README.md), 15 000 photos of clothes from Fashion-MNIST); set `train_live = True` to train them here, with a progress bar.

# %% tags=["parameters"]
# es: rondas de cada carrera: más rondas, intervalos más estrechos
# en: rounds of each race: more rounds, narrower intervals
rounds = 9
# es: semillas de la búsqueda de arquitectura
# en: seeds of the architecture search
seeds = 6
# es: entrenar aquí los modelos, en vez de cargarlos (unos minutos)
# en: train the models here instead of loading them (some minutes)
train_live = False

# %% slide="skip"
import json
import os
import runpy
import subprocess
import sys
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import scipy.sparse as sp
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from scipy.stats import spearmanr
from scipy.stats import t as student
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier
from torch import nn
from tqdm.auto import tqdm

from mlprod import bench, plots, start, tables, tr
from mlprod.lab import machine
from mlprod.predictions import choose, compare
from mlprod.systems import fashion, model_size
from mlprod.systems.race import race
from mlprod.systems.workspace import workspace

start(LANG)
torch.set_num_threads(1)
images, labels = fashion.load("train")
valid_images, valid_labels = fashion.load("valid")
test_images, test_labels = fashion.load("test")
store = fashion.folder()
if train_live:
    store = workspace() / "trained"
    store.mkdir(exist_ok=True)
    runpy.run_path(str(fashion.folder() / "make.py"))["make"](seeds=1, into=store)
metrics = json.loads((store / "metrics.json").read_text())["networks"]

# %% [markdown] lang="es" row="42" slide="slide"
# ## Cuatro familias y un modelo
#
# El modelo es una red convolucional pequeña: dos convoluciones 3×3, una capa oculta y diez salidas. Estas son las cuatro maneras de la diapositiva, y qué cambia cada una:
#
# | familia | qué cambia | qué se queda igual |
# |---|---|---|
# | cuantización | los bits de cada número | la arquitectura y el número de parámetros |
# | destilación | se entrena otra red, más pequeña, para imitar a la primera | los datos y la tarea |
# | poda | desaparecen unidades (o algunos pesos se ponen a cero) | la estructura de lo demás; sus pesos se retocan |
# | factorización | una matriz grande (aquí, la de la capa oculta) pasa a ser el producto de dos pequeñas, que se tocan por un lado corto: el *rango*, 16 | la forma de la entrada y de la salida de la capa |
#
# Fíjate en tres filas: la red **podada**, la **destilada** y la **entrenada sin más** tienen *exactamente* la misma arquitectura (la mitad de canales y de unidades). Solo cambia cómo se llegó a los pesos. Sin esa tercera fila, que es el **control**, no sabrías si el mérito es de la técnica o del tamaño. La tabla cuenta también los **MAC**: multiplicaciones con su suma, de las que está hecha casi toda la cuenta de una red.
# %% [markdown] lang="en" row="42" slide="slide"
# ## Four families and one model
#
# The model is a small convolutional network: two 3×3 convolutions, a hidden layer and ten outputs. These are the slide's four ways, and what each one changes:
#
# | family | what changes | what stays |
# |---|---|---|
# | quantization | the bits of each number | the architecture and the number of parameters |
# | distillation | another, smaller network is trained to mimic the first | the data and the task |
# | pruning | units disappear (or some weights are set to zero) | the structure of the rest; its weights are fine-tuned |
# | factorization | a big matrix (here, the hidden layer's) becomes the product of two small ones, which meet at a short side: the *rank*, 16 | the shape of the layer's input and output |
#
# Three rows deserve attention: the **pruned** network, the **distilled** one and the one that was **simply trained** have *exactly* the same architecture (half of the channels and units). All that differs is how the weights came about. Without that third row, which is the **control**, you would not know whether the merit is the technique's or the size's. The table also counts **MACs** (multiply-accumulates): multiplications with their addition, which nearly all of a network's computation is made of.


# %% slide="subslide"
def deploy(network, name):
    """Export to ONNX, with any batch size; returns the path."""
    path = workspace() / f"{name}.onnx"
    with warnings.catch_warnings():
        # es: el exportador clásico está anticuado, pero es diez veces más rápido con modelos así
        # en: the classic exporter is deprecated, yet ten times as fast with models like these
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            test_images[:1],
            path,
            dynamo=False,
            input_names=["x"],
            output_names=["logits"],
            dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}},
        )
    return path


def open_session(path, profile=None):
    """An ONNX Runtime session on one thread, as a server that runs many of them would have it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def call(session, batch):
    """A function without arguments that has the session answer the first `batch` test photos: a contestant of a race."""
    x = test_images[:batch].numpy()
    return lambda: session.run(None, {"x": x})


def hits(session, x=test_images, y=test_labels):
    """(n,) bool: which images the deployed model gets right."""
    parts = [session.run(None, {"x": part.numpy()})[0].argmax(1) for part in x.split(100)]
    return np.concatenate(parts) == y.numpy()


class Calibration(CalibrationDataReader):
    """Some images of the validation set, from which the ranges of the activations are taken."""

    def __init__(self, count=200):
        self.batches = iter(valid_images[:count].split(50))

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"x": batch.numpy()}


def to_int8(path, how):
    """The model at `path` with 8-bit weights. how: "static" (ranges measured beforehand) or "dynamic" (at each call)."""
    ready, result = path.with_suffix(".ready.onnx"), path.with_suffix(f".{how}.onnx")
    quant_pre_process(path, ready)
    if how == "static":
        quantize_static(
            ready,
            result,
            Calibration(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    else:
        quantize_dynamic(ready, result, weight_type=QuantType.QInt8)
    return result


trained = {
    name: fashion.trained(name, store)
    for name in ("cnn", "pruned", "distilled", "alone", "factored", "sparse")
}
network = trained["cnn"]
paths = {name: deploy(each, name) for name, each in trained.items()}
paths["int8"] = to_int8(paths["cnn"], "static")
paths["pruned+int8"] = to_int8(paths["pruned"], "static")
sessions = {name: open_session(path) for name, path in paths.items()}

# %% [markdown] lang="es" row="42" slide="subslide"
# **Predice:** de las seis redes comprimidas (int8, podada, destilada, factorizada, con el 90 % de los pesos a cero, y podada más int8), ¿cuántas cumplen **las tres cosas**: el archivo ocupa la mitad o menos, responde al menos 1.5 veces más deprisa a una imagen suelta, y no se puede afirmar que acierte menos que la original (el intervalo del 95 % de la diferencia no queda entero por debajo de cero)?
# %% [markdown] lang="en" row="42" slide="subslide"
# **Predict:** of the six compressed networks (int8, pruned, distilled, factored, with 90 % of its weights at zero, and pruned plus int8), how many do **all three**: the file takes half the room or less, a single image is answered at least 1.5 times as fast, and its accuracy is not measurably lower than the original's (the 95 % interval of the difference does not lie wholly below zero)?

# %%
how_many_do_all_three = None

# %% slide="fragment"
FAMILIES = {
    "cnn": (tr(es="original", en="original"), "—"),
    "int8": ("int8", tr(es="cuantización", en="quantization")),
    "pruned": (
        tr(es="podada: media red", en="pruned: half the network"),
        tr(es="poda", en="pruning"),
    ),
    "sparse": (tr(es="90 % de ceros", en="90 % zeros"), tr(es="poda", en="pruning")),
    "distilled": (tr(es="destilada", en="distilled"), tr(es="destilación", en="distillation")),
    "alone": (
        tr(es="entrenada sin más", en="simply trained"),
        tr(es="ninguna: control", en="none: control"),
    ),
    "factored": (tr(es="rango 16", en="rank 16"), tr(es="factorización", en="factorization")),
    "pruned+int8": (
        tr(es="podada + int8", en="pruned + int8"),
        tr(es="dos a la vez", en="two at once"),
    ),
}
right = {name: hits(sessions[name]) for name in FAMILIES}


def difference(name, base="cnn"):
    """Points of accuracy of `name` minus those of `base`, image by image: (mean, half-width of the 95 % interval)."""
    gaps = 100 * (right[name].astype(float) - right[base])
    return gaps.mean(), 1.96 * gaps.std(ddof=1) / np.sqrt(len(gaps))


races = {
    batch: race(
        {name: call(sessions[name], batch) for name in FAMILIES},
        rounds=rounds,
        cpu=True,
    )
    for batch in (1, 64)
}
sizes = {name: model_size.disk(paths[name]) for name in FAMILIES}
plain_sizes = {n: model_size.size_of(each, test_images[:1]) for n, each in trained.items()}
plain_sizes |= {"int8": plain_sizes["cnn"], "pruned+int8": plain_sizes["pruned"]}
columns = {
    "name": tr(es="modelo", en="model"),
    "family": tr(es="familia", en="family"),
    "disk_kb": tr(es="archivo (kB)", en="file (kB)"),
    "gzip_kb": tr(es="con gzip (kB)", en="gzipped (kB)"),
    "parameters": tr(es="parámetros", en="parameters"),
    "mmacs": tr(es="millones de MAC", en="million MACs"),
    "accuracy": tr(es="exactitud (%)", en="accuracy (%)"),
    "gap": tr(es="diferencia (puntos, 95 %)", en="difference (points, 95 %)"),
    "train_s": tr(
        es="entrenar, lo que añade (s de CPU, cuando se hizo)",
        en="training it adds (CPU s, when it was made)",
    ),
}
rows = []
for name, (shown, family) in FAMILIES.items():
    gap, half = difference(name)
    rows.append(
        {
            "name": shown,
            "family": family,
            "disk_kb": sizes[name][0] / 1e3,
            "gzip_kb": sizes[name][1] / 1e3,
            "parameters": plain_sizes[name].parameters,
            "mmacs": plain_sizes[name].macs / 1e6,
            "accuracy": 100 * right[name].mean(),
            "gap": "—" if name == "cnn" else f"{gap:+.1f} ± {half:.1f}".replace("-", "−"),
            # es: cuantizar no entrena
            # en: quantizing does not train
            "train_s": 0.0 if name == "int8" else metrics[name.split("+")[0]]["train_cpu_s"],
            "gap_points": [gap, gap - half, gap + half],
        }
    )
tables.show(
    bench.record("06a/families", rows),
    columns=columns,
    formats={"accuracy": ".1f"},
    caption=tr(
        es=f"Lo que ocupa y lo que acierta cada una, en {len(test_images)} fotos de prueba",
        en=f"What each one takes and how often it is right, on {len(test_images)} test photos",
    ),
)
rows = [
    {
        "name": shown,
        **{
            f"{what}{batch}": value
            for batch, run in races.items()
            for what, value in (
                ("us", 1e6 * run.median(name) / batch),
                ("faster", run.faster(name, "cnn").median),
                ("ratio", list(run.ratio(name, "cnn"))),
                (
                    "interval",
                    "—" if name == "cnn" else "{1:.2f} – {2:.2f}".format(*run.faster(name, "cnn")),
                ),
            )
        },
    }
    for name, (shown, _) in FAMILIES.items()
]
tables.show(
    bench.record("06a/families_latency", rows, rounds=rounds),
    columns={"name": columns["name"]}
    | {
        f"{what}{batch}": text
        for batch in races
        for what, text in (
            ("us", tr(es=f"µs por foto, lote {batch}", en=f"µs per photo, batch {batch}")),
            ("faster", tr(es="veces más rápida", en="times as fast")),
            ("interval", tr(es="95 %", en="95 %") + " " * (batch > 1)),
        )
    },
    caption=tr(
        es=f"Lo que tarda cada una: por turnos, {rounds} rondas, un hilo",
        en=f"How long each one takes: in turns, {rounds} rounds, one thread",
    ),
)
good = [
    name
    for name in FAMILIES
    if name not in ("cnn", "alone")
    and sizes[name][0] <= sizes["cnn"][0] / 2
    and races[1].faster(name, "cnn").median >= 1.5
    and sum(difference(name)) >= 0
]
compare(
    tr(es="redes que cumplen las tres cosas", en="networks that do all three"),
    predicted=how_many_do_all_three,
    measured=len(good),
    unit="",
    note=", ".join(FAMILIES[name][0] for name in good) or None,
)


def dominated_by(name):
    """Those that are smaller and faster than `name` beyond doubt, and not measurably worse."""
    better = []
    for other in FAMILIES:
        gaps = 100 * (right[other].astype(float) - right[name])
        not_worse = gaps.mean() + 1.96 * gaps.std(ddof=1) / np.sqrt(len(gaps)) >= 0
        if sizes[other][0] < sizes[name][0] and races[1].ratio(other, name).high < 1 and not_worse:
            better.append(FAMILIES[other][0])
    return better


for name in FAMILIES:
    if better := dominated_by(name):
        print(
            tr(
                es=f"dominada: {FAMILIES[name][0]} (por {', '.join(better)})",
                en=f"dominated: {FAMILIES[name][0]} (by {', '.join(better)})",
            )
        )

# %% tags=["hide-input"] slide="fragment"
fig, ax = plots.subplots()
# es: las que ocupan lo mismo, un poco separadas para que se vean
# en: those that take the same room, a little apart so that one can see them
apart = {"pruned": 0.93, "alone": 1.06, "int8": 1.13, "sparse": 0.93}
for name, color in zip(FAMILIES, [*plots.PALETTE[:7], plots.FAINT], strict=True):
    accuracy = 100 * right[name].mean()
    error = 100 * right[name].std(ddof=1) / np.sqrt(len(test_labels))
    ax.errorbar(
        apart.get(name, 1) * sizes[name][0] / 1e3,
        accuracy,
        yerr=error,
        fmt="o",
        color=color,
        capsize=3,
        label=FAMILIES[name][0],
    )
ax.set_xscale("log")
ax.set_xticks([100, 200, 500, 1000, 2000], ["100", "200", "500", "1000", "2000"], minor=False)
ax.minorticks_off()
ax.set_xlabel(tr(es="tamaño del archivo (kB)", en="size of the file (kB)"))
ax.set_ylabel(tr(es="exactitud (%) ± un error típico", en="accuracy (%) ± one standard error"))
ax.set_title(tr(es="Más pequeña no es, por fuerza, peor", en="Smaller is not necessarily worse"))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(
    fig,
    alt=tr(
        es="Exactitud frente a tamaño del archivo de las ocho redes, con un error típico: las exactitudes caben en unos pocos puntos y muchas barras de error se solapan, mientras los tamaños van de uno a quince",
        en="Accuracy against file size of the eight networks, with one standard error: accuracies lie within a few points and many error bars overlap, while sizes range over a factor of some fifteen",
    ),
)

# %% [markdown] lang="es" row="42" slide="subslide"
# Cómo se lee una tabla así:
#
# - **La diferencia va por parejas.** Las dos redes miran las mismas fotos, así que se resta foto a foto; el intervalo sale bastante más estrecho que si comparases dos exactitudes con sus errores por separado. Si el intervalo contiene el cero, no puedes decir que una sea mejor. Tampoco que sean iguales: con diez veces más fotos quizá las separarías.
# - **Con ocho filas, mirar la mejor es hacer trampa.** Cada intervalo falla una vez de cada veinte; con siete comparaciones, alguna puede fallar hasta una vez de cada tres, y si falla hacia arriba parece una «mejora».
# - **Los intervalos hablan de las fotos, no de la semilla.** Son estos pesos y no otros. Al hacer los modelos, casi todas se entrenaron con varias semillas: mira la tabla siguiente, y no atribuyas a la técnica una diferencia menor que lo que cambia con la semilla. Y cuidado al compararlas: en las que salen de la original (podada, rango 16 y ceros) la semilla solo cambia el orden de las fotos al reentrenar, porque la original es una y siempre la misma; en las demás cambia también los pesos del principio, y por eso bailan más.
# - **Los tiempos son de CPU, por turnos.** Con un solo hilo y la máquina libre, el tiempo de CPU es el del reloj; pero si otros programas se cuelan, el del reloj crece y el de CPU apenas. El cociente se calcula ronda a ronda, y el intervalo es de esos cocientes.
# - **90 % de ceros, y ni un byte menos:** el archivo guarda los ceros como cualquier otro número. Lo verás con calma más abajo.
# - Una red está **dominada** si otra ocupa y tarda menos (sin duda) y no se puede afirmar que acierte menos. En principio no hay razón para desplegarla, salvo que te importe una diferencia que estas fotos no llegan a distinguir.
# - **Los factores de tamaño y los de tiempo son distintos:** compara las dos tablas fila a fila. Bytes, MAC y milisegundos son tres monedas. Y dos técnicas juntas no tienen por qué multiplicar sus factores de tiempo: compara la última fila con las dos que la componen, y mira si sale siquiera más rápida que la mejor de ellas.
# - **Si la destilada no gana al control**, no has hecho nada mal: una profesora no siempre ayuda, y aquí no se han buscado los ajustes que más convienen. La lección siguiente busca cuándo ayuda.
# - **El entrenamiento no es gratis:** la podada, la factorizada y la de los ceros parten de la original, y la destilada la necesita de profesora; su columna cuenta solo lo que se añade, medido al hacer los modelos y no en tu máquina. Tampoco es igual para todas: la podada suma cuatro épocas a las diez de la original, y el control tiene diez en total. Por eso la tabla siguiente lleva otro control: la original con esas cuatro épocas de más.
# %% [markdown] lang="en" row="42" slide="subslide"
# How to read such a table:
#
# - **The difference is paired.** Both networks look at the same photos, so one subtracts photo by photo; the interval comes out a good deal narrower than by comparing two accuracies with their separate errors. If the interval contains zero, you cannot say that one is better. Nor that they are equal: with ten times as many photos you might separate them.
# - **With eight rows, looking at the best one is cheating.** Each interval fails one time in twenty; with seven comparisons, one of them may fail up to one time in three, and if it fails upwards it looks like an "improvement".
# - **The intervals are about the photos, not about the seed.** It is these weights and no others. When the models were made, nearly all were trained with several seeds: see the next table, and do not credit the technique with a difference smaller than what the seed changes. Be careful when comparing them: for those that come from the original (pruned, rank 16 and zeros) the seed changes only the order of the photos when retraining, because there is one original and it is always the same; for the others it changes the initial weights as well, so they vary more.
# - **Times are CPU times, in turns.** With a single thread on an idle machine, CPU time is wall-clock time; but if other programs take turns on the core, wall-clock time grows and CPU time hardly does. The ratio is taken round by round, and the interval is of those ratios.
# - **90 % zeros, and not a byte less:** the file keeps zeros like any other number. You will look at that closely further down.
# - A network is **dominated** if another is smaller and faster (beyond doubt) and cannot be claimed to be right less often. In principle there is no reason to deploy it, unless you care about a difference that these photos cannot resolve.
# - **Size factors and time factors differ:** compare the two tables row by row. Bytes, MACs and milliseconds are three currencies. And the speedups of two techniques need not multiply when they are combined: compare the last row with the two that it combines, and see whether it is even faster than the better one.
# - **If the distilled one does not beat the control**, you did nothing wrong: a teacher does not always help, and no search was made here for the settings that suit it best. The next lesson looks for when it helps.
# - **Training is not free:** the pruned network, the factored one and the one with the zeros start from the original, and the distilled one needs it as a teacher; their column counts only what is added, measured when the models were made and not on your machine. Nor is it the same for all: the pruned one adds four epochs to the original's ten, and the control has ten in all. That is why the next table has another control: the original with those four epochs more.

# %% slide="fragment"
more = {
    "longer": tr(es="original, reentrenada otro tanto", en="original, retrained just as long"),
    "mlp": tr(es="perceptrón 300-100", en="perceptron 300-100"),
}
rows = []
for name in ("alone", "distilled", "pruned", "factored", "sparse", *more):
    values = 100 * np.array(metrics[name]["accuracy"])
    rows.append(
        {
            "name": more[name] if name in more else FAMILIES[name][0],
            "seeds": len(values),
            "mean": values.mean(),
            "sd": values.std(ddof=1) if len(values) > 1 else None,
            "min": values.min(),
            "max": values.max(),
        }
    )
tables.show(
    bench.record("06a/seeds", rows),
    columns={
        "name": columns["name"],
        "seeds": tr(es="semillas", en="seeds"),
        "mean": tr(es="exactitud media (%)", en="mean accuracy (%)"),
        "sd": tr(es="desviación típica", en="standard deviation"),
        "min": tr(es="mínimo", en="minimum"),
        "max": tr(es="máximo", en="maximum"),
    },
    formats={"mean": ".2f", "min": ".1f", "max": ".1f", "sd": ".2f"},
    caption=tr(
        es="Lo que cambia con la semilla (medido al hacer los modelos, en las mismas fotos de prueba)",
        en="What changes with the seed (measured when the models were made, on the same test photos)",
    ),
)

# %% [markdown] lang="es" row="42" slide="subslide"
# ### La lista de proyectos de la diapositiva
#
# La diapositiva copia una página que ordenaba «los 121 mejores proyectos» por **estrellas** de GitHub. Una estrella es un marcador que alguien puso un día y casi nadie quita: dice cuánta gente pasó por allí, no si queda alguien. Para saber si un proyecto vive se mira cuándo publicó por última vez, si contesta y si funciona con las versiones de hoy. Esto es lo que hemos podido comprobar en noviembre de 2026:
#
# | proyecto | en la diapositiva | qué se puede comprobar |
# |---|---|---|
# | NNI | 10910 estrellas, la primera | última versión: [3.0, del 14-09-2023](https://pyup.io/packages/pypi/nni/) |
# | Model Optimization (TensorFlow) | 1189 estrellas | la [0.8.0](https://www.github.com/tensorflow/model-optimization/releases), probada con TensorFlow 2.14, obliga a usar Keras 2; la [petición de Keras 3](https://github.com/tensorflow/model-optimization/issues/1119) sigue ahí |
# | PocketFlow, NeuronBlocks | 2676 y 1404 estrellas | no hemos encontrado ninguna versión con fecha posterior a la diapositiva; no sabemos más |
# | GhostNet, Channel Pruning, Knowledge Distillation Pytorch | 1823, 1021 y 1291 estrellas | código que acompaña a un artículo o ejemplos: no está muerto, está **terminado**. Se lee; no se depende de él |
# | Awesome Pruning, Awesome Knowledge Distillation | 1361 y 1612 estrellas | listas de artículos, no programas |
#
# Y estos, que casi no salen en la diapositiva o son posteriores, publican con regularidad:
#
# | proyecto | para qué | última señal de vida que hemos visto |
# |---|---|---|
# | torchao | cuantizar y podar en PyTorch | [0.18.0, primeros de agosto de 2026](https://github.com/apple/coreai-optimization/pull/63) |
# | NNCF | lo mismo, para OpenVINO | [3.1.0, abril de 2026](https://anaconda.org/conda-forge/nncf/files?channel=main&version=2.16.0); citado en [OpenVINO 2026.3, agosto](https://github.com/openvinotoolkit/openvino/releases) |
# | NVIDIA Model Optimizer | cuantizar, podar y destilar para TensorRT | [0.43, 09-04-2026](https://nvidia.github.io/Model-Optimizer/pr-preview/pr-1027/reference/0_changelog.html) |
# | ONNX Runtime | el cuantizador que usas aquí | el de tu entorno, que imprime su versión más abajo |
#
# También los vivos pueden morir deprisa: AutoGPTQ, que en 2023 era lo normal para modelos de lenguaje, está [archivado desde marzo de 2025](https://github.com/huggingface/peft/pull/3190), según quien lo mantenía.
# %% [markdown] lang="en" row="42" slide="subslide"
# ### The slide's list of projects
#
# The slide copies a page that ranked "the top 121 projects" by GitHub **stars**. A star is a bookmark that somebody once set and hardly anybody removes: it tells how many people came by, not whether someone is left. To know whether a project is alive one looks at when it last released something, whether it answers, and whether it works with today's versions. This is what we could check in November 2026:
#
# | project | on the slide | what can be checked |
# |---|---|---|
# | NNI | 10910 stars, the first one | last version: [3.0, of 2023-09-14](https://pyup.io/packages/pypi/nni/) |
# | Model Optimization (TensorFlow) | 1189 stars | [0.8.0](https://www.github.com/tensorflow/model-optimization/releases), tested with TensorFlow 2.14, forces Keras 2; the [request for Keras 3](https://github.com/tensorflow/model-optimization/issues/1119) is still there |
# | PocketFlow, NeuronBlocks | 2676 and 1404 stars | we found no version dated later than the slide; we know no more |
# | GhostNet, Channel Pruning, Knowledge Distillation Pytorch | 1823, 1021 and 1291 stars | code that goes with a paper, or examples: it is not dead, it is **finished**. One reads it; one does not depend on it |
# | Awesome Pruning, Awesome Knowledge Distillation | 1361 and 1612 stars | lists of papers, not programs |
#
# And these, which hardly appear on the slide or came later, release regularly:
#
# | project | what for | last sign of life that we have seen |
# |---|---|---|
# | torchao | quantizing and pruning in PyTorch | [0.18.0, early August 2026](https://github.com/apple/coreai-optimization/pull/63) |
# | NNCF | the same, for OpenVINO | [3.1.0, April 2026](https://anaconda.org/conda-forge/nncf/files?channel=main&version=2.16.0); mentioned in [OpenVINO 2026.3, August](https://github.com/openvinotoolkit/openvino/releases) |
# | NVIDIA Model Optimizer | quantizing, pruning and distilling for TensorRT | [0.43, 2026-04-09](https://nvidia.github.io/Model-Optimizer/pr-preview/pr-1027/reference/0_changelog.html) |
# | ONNX Runtime | the quantizer that you use here | the one of your environment, which prints its version further down |
#
# Living ones can die fast, too: AutoGPTQ, which in 2023 was the usual choice for language models, has been [archived since March 2025](https://github.com/huggingface/peft/pull/3190), according to its maintainer.

# %% [markdown] lang="es" row="43" slide="slide"
# ## Cuantizar: menos bits por número
#
# Un `float32` ocupa 32 bits. Cuantizar a 8 bits es guardar, para cada número $x$, un entero $q$ entre −128 y 127, y aparte dos números para toda la tabla: la **escala** $s$ (cuánto vale un paso) y el **punto cero** $z$ (qué entero representa el cero):
#
# $$q = \mathrm{round}(x / s) + z \qquad \hat{x} = s\,(q - z)$$
#
# Si los datos van de $a$ a $b$, con $a \le 0 \le b$, se toma $s = (b - a)/255$ y $z = \mathrm{round}(-128 - a/s)$; lo que cae fuera del rango se **satura**: se queda en −128 o en 127. Dentro, ningún número se equivoca en más de medio paso: $|x - \hat{x}| \le s/2$. Esto es todo el cuantizador. Los dos detalles que más se olvidan están comentados.
# %% [markdown] lang="en" row="43" slide="slide"
# ## Quantizing: fewer bits per number
#
# A `float32` takes 32 bits. Quantizing to 8 bits means storing, for each number $x$, an integer $q$ between −128 and 127, plus two numbers for the whole table: the **scale** $s$ (what one step is worth) and the **zero point** $z$ (which integer stands for zero):
#
# $$q = \mathrm{round}(x / s) + z \qquad \hat{x} = s\,(q - z)$$
#
# If the data go from $a$ to $b$, with $a \le 0 \le b$, one takes $s = (b - a)/255$ and $z = \mathrm{round}(-128 - a/s)$; what falls outside the range **saturates**: it stays at −128 or 127. Inside, no number is off by more than half a step: $|x - \hat{x}| \le s/2$. This is the whole quantizer. The two details that are most often forgotten have a comment.


# %% slide="subslide"
@dataclass(frozen=True)
class Quantized:
    """`codes` (int8, the shape of the original), `scale` (float32) and `zero` (int8): one, or one per channel."""

    codes: np.ndarray
    scale: np.ndarray
    zero: np.ndarray

    def values(self):
        """float32, approximately the original."""
        return (self.scale * (self.codes.astype(np.int32) - self.zero)).astype(np.float32)


def quantize(x, axis=None, bits=8, clip=None):
    """Affine quantization of `x`. axis: one scale for each slice along it. clip: largest absolute value; beyond it, saturate."""
    others = None if axis is None else tuple(i for i in range(x.ndim) if i != axis)
    low, high = x.min(axis=others, keepdims=True), x.max(axis=others, keepdims=True)
    if clip is not None:
        low, high = np.maximum(low, -clip), np.minimum(high, clip)
    # es: el cero tiene que caber en el rango y ser exacto: es el relleno, la salida de una ReLU, un peso podado
    # en: zero must fit in the range and be exact: it is the padding, the output of a ReLU, a pruned weight
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    smallest, largest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = (high.astype(np.float64) - low) / (largest - smallest)
    # es: una tabla de ceros tiene rango cero: cualquier escala vale
    # en: a table of zeros has no range: any scale will do
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    zero = np.clip(np.round(smallest - low / scale), smallest, largest).astype(np.int8)
    codes = np.clip(np.round(x / scale) + zero, smallest, largest).astype(np.int8)
    return Quantized(codes, scale, zero)


table = np.array([-0.62, -0.31, 0.0, 0.002, 0.4, 1.0], dtype=np.float32)
small = quantize(table)
print("q:", small.codes, small.codes.dtype, small.codes.itemsize, "byte")
print("s:", small.scale.item(), " z:", small.zero.item())
print(tr(es="vuelta:", en="back:"), small.values().round(4))

# %% [markdown] lang="es" row="43" slide="subslide"
# Ahora, todos los pesos de la red. Hay una versión muy extendida que hace la misma cuenta y después guarda el resultado, ya redondeado, en `float32`. Se llama cuantización **simulada** (*fake quantization*) y sirve para estudiar cuánto se pierde, o para entrenar con el redondeo puesto.
#
# **Predice:** ¿cuántas veces más pequeño que el original es el archivo con los pesos redondeados a 8 bits pero guardados en `float32`?
# %% [markdown] lang="en" row="43" slide="subslide"
# Now, all the weights of the network. There is a widespread version that does the same arithmetic and then stores the result, rounded already, in `float32`. It is called *fake quantization*, and it is used to study how much is lost, or to train with the rounding in place.
#
# **Predict:** how many times smaller than the original is the file with the weights rounded to 8 bits but stored in `float32`?

# %%
times_smaller_when_fake = None


# %% slide="fragment"
def quantize_weights(net, **how):
    """{name: Quantized} for the matrices and filters of `net`; the biases, which are few, stay as they are."""
    return {
        name: quantize(part.detach().numpy(), **how)
        if name.endswith("weight")
        else part.detach().numpy()
        for name, part in net.named_parameters()
    }


def arrays(parts):
    """What has to be stored: {name: array}."""
    stored = {}
    for name, part in parts.items():
        if isinstance(part, Quantized):
            stored |= {name: part.codes, name + ".scale": part.scale, name + ".zero": part.zero}
        else:
            stored[name] = part
    return stored


def dequantized(net, parts):
    """A copy of `net` that computes in float32 with the rounded weights."""
    copy = fashion.build("cnn", net.state_dict())
    values = {n: p.values() if isinstance(p, Quantized) else p for n, p in parts.items()}
    copy.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in values.items()}
    )
    return copy.eval()


in_8_bits = quantize_weights(network, axis=0)
rounded = dequantized(network, in_8_bits)
original = {name: part.detach().numpy() for name, part in network.named_parameters()}
fake = {name: part.detach().numpy() for name, part in rounded.named_parameters()}
stores = {
    tr(es="original", en="original"): (original, network),
    tr(es="redondeado, en float32", en="rounded, in float32"): (fake, rounded),
    tr(es="int8 de verdad", en="real int8"): (arrays(in_8_bits), rounded),
}
rows = []
for name, (parts, net) in stores.items():
    disk, gzipped = model_size.disk(parts)
    found = fashion.hits(net, test_images, test_labels)
    rows.append(
        {
            "what": name,
            "itemsize": max(parts.values(), key=np.size).itemsize,
            "memory_kb": sum(part.nbytes for part in parts.values()) / 1e3,
            "disk_kb": disk / 1e3,
            "gzip_kb": gzipped / 1e3,
            "accuracy": 100 * found.mean(),
        }
    )
tables.show(
    bench.record("06a/storage", rows),
    columns={
        "what": tr(es="pesos", en="weights"),
        "itemsize": tr(es="bytes por número", en="bytes per number"),
        "memory_kb": tr(es="en memoria (kB)", en="in memory (kB)"),
        "disk_kb": tr(es="en disco (kB)", en="on disk (kB)"),
        "gzip_kb": tr(es="con gzip (kB)", en="gzipped (kB)"),
        "accuracy": tr(es="exactitud (%)", en="accuracy (%)"),
    },
    formats={"accuracy": ".1f"},
    caption=tr(
        es="Los mismos valores, guardados de tres maneras",
        en="The same values, stored in three ways",
    ),
)
compare(
    tr(es="veces más pequeño en disco, si se simula", en="times smaller on disk, when fake"),
    predicted=times_smaller_when_fake,
    measured=rows[0]["disk_kb"] / rows[1]["disk_kb"],
    unit="×",
)

# %% [markdown] lang="es" row="43" slide="subslide"
# El tipo con el que se guarda es lo que cuenta: mira siempre `dtype`, `itemsize` y el tamaño del archivo. Las dos últimas filas aciertan lo mismo porque contienen los mismos valores, y aquí las dos calculan en `float32`. La simulada tiene pocos valores distintos, y por eso `gzip` la encoge; pero `gzip` no ahorra memoria al ejecutar: hay que descomprimir antes de multiplicar.
#
# ### Rangos que no cruzan el cero, constantes y ceros
#
# El código de arriba ensancha el rango hasta incluir el cero. Esta otra versión no lo hace: usa todo el rango para los datos y luego recorta el punto cero para que quepa en 8 bits.
#
# **Predice:** con los números de 5 a 6, ¿cuál será su mayor error?
# %% [markdown] lang="en" row="43" slide="subslide"
# What counts is the type in which it is stored: always look at `dtype`, `itemsize` and the size of the file. The last two rows are right equally often because they contain the same values, and here both compute in `float32`. The fake one has few different values, and so `gzip` shrinks it; but `gzip` saves no memory when running: one has to decompress before multiplying.
#
# ### Ranges that do not cross zero, constants and zeros
#
# The code above widens the range until it includes zero. This other version does not: it uses the whole range for the data and then clips the zero point so that it fits in 8 bits.
#
# **Predict:** with the numbers from 5 to 6, what will its largest error be?

# %%
largest_error_from_5_to_6 = None


# %% slide="fragment"
def quantize_without_zero(x):
    """The widespread mistake: the range of the data alone, and a zero point that is made to fit."""
    scale = (x.max() - x.min()) / 255 or 1.0
    zero = np.clip(np.round(-128 - x.min() / scale), -128, 127)
    codes = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
    return np.float32(scale) * (codes.astype(np.int32) - np.int32(zero))


cases = {
    "[-1, 1]": np.linspace(-1, 1, 1001),
    "[0, 6]": np.linspace(0, 6, 1001),
    "[5, 6]": np.linspace(5, 6, 1001),
    "[-6, -5]": np.linspace(-6, -5, 1001),
    tr(es="constante 5.5", en="constant 5.5"): np.full(1001, 5.5),
    tr(es="ceros", en="zeros"): np.zeros(1001),
}
rows = []
for name, values in cases.items():
    values = values.astype(np.float32)
    good = quantize(values)
    rows.append(
        {
            "range": name,
            "scale": float(good.scale.item()),
            "zero": int(good.zero.item()),
            "half_step": float(good.scale.item()) / 2,
            "error": float(np.abs(values - good.values()).max()),
            "error_without_zero": float(np.abs(values - quantize_without_zero(values)).max()),
        }
    )
tables.show(
    bench.record("06a/ranges", rows),
    columns={
        "range": tr(es="datos", en="data"),
        "scale": "s",
        "zero": "z",
        "half_step": "s/2",
        "error": tr(es="mayor error", en="largest error"),
        "error_without_zero": tr(
            es="mayor error, sin incluir el cero", en="largest error, zero not included"
        ),
    },
    caption=tr(
        es="Seis rangos, dos maneras de elegir el punto cero",
        en="Six ranges, two ways of choosing the zero point",
    ),
)
compare(
    tr(
        es="mayor error en [5, 6] sin incluir el cero",
        en="largest error in [5, 6] without including zero",
    ),
    predicted=largest_error_from_5_to_6,
    measured=rows[2]["error_without_zero"],
    unit="",
)

# %% [markdown] lang="es" row="43 45" slide="subslide"
# El punto cero de [5, 6] con escala 1/255 sería −1403: no cabe en un `int8`. Recortado a −128, los códigos solo llegan de 0 a 1, y **todos** los valores saturan en 1. Incluir el cero cuesta resolución (la escala pasa de 1/255 a 6/255) y a cambio nada se rompe. Si de verdad tus datos viven en [5, 6], resta antes 5.5 y cuantiza lo que queda.
#
# ### ¿Hasta cuántos bits se puede bajar?
#
# Una CPU corriente no calcula con enteros de menos de 8 bits: aquí los guardamos en un `int8`, **contamos** los bits que harían falta, y redondeamos solo los pesos. Dos maneras: una escala para toda la matriz, o una por canal de salida.
#
# **Predice:** con una escala por canal, ¿con cuántos bits empieza a perder la red más de un punto de exactitud?
# %% [markdown] lang="en" row="43 45" slide="subslide"
# The zero point of [5, 6] with a scale of 1/255 would be −1403: it does not fit in an `int8`. With it clipped to −128 the codes only reach from 0 to 1, and **all** values saturate at 1. Including zero costs resolution (the scale goes from 1/255 to 6/255), and in exchange nothing breaks. If your data really live in [5, 6], subtract 5.5 first and quantize what is left.
#
# ### How few bits will do?
#
# An ordinary CPU does no arithmetic with integers of fewer than 8 bits: here we keep them in an `int8`, **count** the bits that they would take, and round only the weights. Two ways: one scale for the whole matrix, or one for each output channel.
#
# **Predict:** with one scale per channel, at how many bits does the network begin to lose more than one point of accuracy?

# %%
bits_where_it_begins_to_lose = None

# %% slide="fragment"
BITS = (8, 6, 5, 4, 3, 2)
some = slice(0, 1000)
base_hits = fashion.hits(network, test_images[some], test_labels[some])
rows = []
for bits in BITS:
    for axis in (None, 0):
        net = dequantized(network, quantize_weights(network, axis=axis, bits=bits))
        gaps = 100 * (
            fashion.hits(net, test_images[some], test_labels[some]).astype(float) - base_hits
        )
        hidden = quantize(original["7.weight"], axis=axis, bits=bits)
        rows.append(
            {
                "bits": bits,
                "scales": "channel" if axis == 0 else "tensor",
                "gap": gaps.mean(),
                "half_interval": 1.96 * gaps.std(ddof=1) / np.sqrt(len(gaps)),
                "to_zero": float((hidden.codes == hidden.zero).mean()),
            }
        )
bench.record("06a/bits", rows)
fig, (left, right_ax) = plots.subplots(1, 2, figsize=(9.2, 3.6))
for kind, text in (
    ("tensor", tr(es="una escala", en="one scale")),
    ("channel", tr(es="una por canal", en="one per channel")),
):
    mine = [row for row in rows if row["scales"] == kind]
    left.errorbar(
        [row["bits"] for row in mine],
        [row["gap"] for row in mine],
        yerr=[row["half_interval"] for row in mine],
        fmt="o-",
        capsize=3,
        label=text,
    )
    right_ax.plot(
        [row["bits"] for row in mine], [100 * row["to_zero"] for row in mine], "o-", label=text
    )
left.set_yscale("symlog", linthresh=2)
left.set_yticks([0, -1, -3, -10, -30], ["0", "−1", "−3", "−10", "−30"])
left.set_xlabel(tr(es="bits por peso", en="bits per weight"))
# es: el eje es lineal entre −2 y 2 y logarítmico fuera: caben las décimas y el hundimiento
# en: the axis is linear from −2 to 2 and logarithmic beyond: there is room for tenths and for the collapse
left.set_ylabel(
    tr(
        es="cambio de la exactitud\n(puntos; desde −2, en logaritmo)",
        en="change in accuracy\n(points; below −2, logarithmic)",
    )
)
left.set_title(tr(es="Aguanta hasta que se hunde", en="It holds, and then it collapses"))
right_ax.set_xlabel(tr(es="bits por peso", en="bits per weight"))
right_ax.set_ylabel(tr(es="pesos redondeados a cero (%)", en="weights rounded to zero (%)"))
right_ax.set_title(tr(es="Capa oculta", en="Hidden layer"))
left.legend()
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, la exactitud apenas cambia hasta 5 o 4 bits y se hunde con 2; por canal aguanta más. A la derecha, la parte de los pesos que se redondea a cero crece al bajar los bits, más con una sola escala",
        en="On the left, accuracy hardly changes down to 5 or 4 bits and collapses at 2; per channel it holds longer. On the right, the share of weights rounded to zero grows as bits go down, more so with a single scale",
    ),
)
lost = [row["bits"] for row in rows if row["scales"] == "channel" and row["gap"] < -1]
compare(
    tr(
        es="bits con los que se pierde más de un punto",
        en="bits at which more than a point is lost",
    ),
    predicted=bits_where_it_begins_to_lose,
    measured=max(lost, default=0),
    unit="bits",
    note=None if lost else tr(es="0: no lo ha perdido con ninguno", en="0: none of them lost it"),
)

# %% [markdown] lang="es" row="43 45" slide="subslide"
# **Redondear a cero** es podar sin querer: con pocos bits y una sola escala, una gran parte de la capa oculta desaparece, y aun así la red aguanta. Recuerda este dato cuando lleguemos a la poda.
# %% [markdown] lang="en" row="43 45" slide="subslide"
# **Rounding to zero** is pruning without meaning to: with few bits and a single scale a large part of the hidden layer disappears, and still the network holds. Remember this when we get to pruning.

# %% [markdown] lang="es" row="44" slide="slide"
# ## ¿Menos bits, más deprisa?
#
# La diapositiva pone a favor de la cuantización que ocupa menos y que se calcula más deprisa, así que caben lotes mayores. Lo primero ya lo has visto. Lo segundo es cierto **solo si alguien ha escrito el código que lo aprovecha**. Empecemos por NumPy, con dos matrices de 128×128.
#
# **Predice:** multiplicar dos matrices `int8` en NumPy, ¿cuántas veces más rápido es que en `float32`? (Si crees que es más lento, escribe un número menor que 1.)
# %% [markdown] lang="en" row="44" slide="slide"
# ## Fewer bits, faster?
#
# In favour of quantization the slide says that it takes less room and computes faster, so that bigger batches fit. You have seen the first. The second is true **only if somebody has written the code that takes advantage of it**. Let us begin with NumPy and two matrices of 128×128.
#
# **Predict:** how many times as fast as in `float32` is multiplying two `int8` matrices in NumPy? (If you think that it is slower, write a number below 1.)

# %%
numpy_int8_times_as_fast = None

# %% slide="fragment"
rng = np.random.default_rng(0)
numbers = rng.integers(-127, 128, size=(2, 128, 128))
kinds = {"float32": np.float32, "int8": np.int8, "int32": np.int32, "float16": np.float16}
pairs = {name: numbers.astype(kind) for name, kind in kinds.items()}
with np.errstate(over="ignore"):
    in_numpy = race(
        {name: lambda p=pair: p[0] @ p[1] for name, pair in pairs.items()}, rounds=rounds, cpu=True
    )
tables.show(
    bench.record("06a/numpy_matmul", in_numpy).table("float32"),
    caption=tr(es="Multiplicar matrices en NumPy", en="Multiplying matrices in NumPy"),
)
wraps = numbers[0].astype(np.int8) @ numbers[1].astype(np.int8)
exact = numbers[0] @ numbers[1]
print(
    tr(
        es=f"Además, el resultado en int8 se desborda: {(wraps != exact).mean():.1%} de los números están mal.",
        en=f"Besides, the result in int8 overflows: {(wraps != exact).mean():.1%} of the numbers are wrong.",
    )
)
compare(
    tr(es="int8 frente a float32 en NumPy", en="int8 against float32 in NumPy"),
    predicted=numpy_int8_times_as_fast,
    measured=in_numpy.faster("int8", "float32").median,
    unit="×",
)

# %% [markdown] lang="es" row="44" slide="subslide"
# Para `float32`, NumPy llama a BLAS, una biblioteca afinada durante décadas que usa las instrucciones vectoriales y la caché. Para `int8` no hay BLAS: NumPy hace tres bucles corrientes, y los productos acumulados ni siquiera caben. Y para `float16` convierte cada número a `float32` y de vuelta. **Menos bits no es más deprisa: más deprisa es que exista un buen núcleo de cálculo (*kernel*) para ese tipo en ese procesador.**
#
# ONNX Runtime sí los tiene, y acumula en 32 bits. Dos modos de cuantizar:
#
# | | estática | dinámica |
# |---|---|---|
# | rango de las activaciones | medido de antemano con unas fotos de calibración | calculado en cada llamada |
# | hace falta | datos parecidos a los de producción | nada |
# | en el grafo | nodos Q y DQ (*quantize*, *dequantize*) alrededor de cada operación, que el motor fusiona | `MatMulInteger`, `ConvInteger` |
#
# Dos modelos: nuestra red convolucional y un perceptrón muy ancho (capas de 2048, casi todo pesos). **Predice:** la red convolucional con cuantización **dinámica** y una sola foto, ¿cuántas veces más rápida es que la original?
# %% [markdown] lang="en" row="44" slide="subslide"
# For `float32` NumPy calls BLAS, a library tuned for decades that uses the vector instructions and the cache. For `int8` there is no BLAS: NumPy runs three plain loops, and the accumulated products do not even fit. And for `float16` it converts each number to `float32` and back. **Speed does not come from having fewer bits, but from a good *kernel* (the routine that does the operation) for that type on that processor.**
#
# ONNX Runtime does have them, and accumulates in 32 bits. Two ways of quantizing:
#
# | | static | dynamic |
# |---|---|---|
# | range of the activations | measured beforehand with some calibration photos | computed at each call |
# | it needs | data like those of production | nothing |
# | in the graph | Q and DQ nodes (*quantize*, *dequantize*) around each operation, which the engine fuses | `MatMulInteger`, `ConvInteger` |
#
# Two models: our convolutional network and a very wide perceptron (layers of 2048, nearly all of it weights). **Predict:** with **dynamic** quantization and a single photo, how many times as fast as the original is the convolutional network?

# %%
dynamic_convolution_times_as_fast = None

# %% slide="fragment"
torch.manual_seed(0)
# es: sin entrenar: para medir el tiempo da igual lo que acierte
# en: untrained: for the time it does not matter how often it is right
wide = deploy(fashion.mlp(2048, 2048).eval(), "wide")
versions = {
    "conv": {
        "float32": paths["cnn"],
        "static": paths["int8"],
        "dynamic": to_int8(paths["cnn"], "dynamic"),
    },
    "wide": {
        "float32": wide,
        "static": to_int8(wide, "static"),
        "dynamic": to_int8(wide, "dynamic"),
    },
}
MODELS = {
    "conv": tr(es="convolucional", en="convolutional"),
    "wide": tr(es="muy ancho", en="very wide"),
}
KINDS = {
    "float32": "float32",
    "static": tr(es="int8 estática", en="static int8"),
    "dynamic": tr(es="int8 dinámica", en="dynamic int8"),
}
open_versions = {m: {k: open_session(p) for k, p in each.items()} for m, each in versions.items()}
int8_races, rows = {}, []
for model, each in open_versions.items():
    for batch in (1, 64):
        run = race({k: call(s, batch) for k, s in each.items()}, rounds=rounds, cpu=True)
        int8_races[model, batch] = run
        for kind in ("static", "dynamic"):
            found = run.faster(kind, "float32")
            rows.append(
                {
                    "model": MODELS[model],
                    "batch": batch,
                    "kind": KINDS[kind],
                    "us": 1e6 * run.median(kind) / batch,
                    "faster": found.median,
                    "low": found.low,
                    "high": found.high,
                    "disk": os.path.getsize(versions[model]["float32"])
                    / os.path.getsize(versions[model][kind]),
                }
            )
tables.show(
    bench.record("06a/int8_speed", rows, rounds=rounds, onnxruntime=ort.__version__),
    columns={
        "model": tr(es="modelo", en="model"),
        "batch": tr(es="lote", en="batch"),
        "kind": tr(es="cuantización", en="quantization"),
        "us": tr(es="µs por foto", en="µs per photo"),
        "faster": tr(es="veces más rápido que float32", en="times as fast as float32"),
        "low": tr(es="de (95 %)", en="from (95 %)"),
        "high": tr(es="a", en="to"),
        "disk": tr(es="veces más pequeño", en="times smaller"),
    },
    caption=tr(
        es=f"ONNX Runtime {ort.__version__}, un hilo: archivos cuatro veces menores, y tiempos que bajan o suben",
        en=f"ONNX Runtime {ort.__version__}, one thread: files four times smaller, and times that go down or up",
    ),
)
compare(
    tr(es="convolución con int8 dinámica, lote 1", en="convolution with dynamic int8, batch 1"),
    predicted=dynamic_convolution_times_as_fast,
    measured=int8_races["conv", 1].faster("dynamic", "float32").median,
    unit="×",
)

# %% [markdown] lang="es" row="44" slide="subslide"
# ¿Por qué la misma idea acelera un modelo y frena otro? ONNX Runtime sabe decir en qué gasta el tiempo.
# %% [markdown] lang="en" row="44" slide="subslide"
# Why does the same idea speed one model up and slow another down? ONNX Runtime can tell what it spends its time on.


# %% slide="fragment"
def time_by_operation(path, batch, calls=15):
    """{operation: microseconds per call}, from ONNX Runtime's own profiler."""
    session = open_session(path, profile=workspace() / "profile")
    x = test_images[:batch].numpy()
    for _ in range(calls):
        session.run(None, {"x": x})
    events = json.loads(Path(session.end_profiling()).read_text())
    durations, spent = defaultdict(list), Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            durations[event["args"]["op_name"], event["name"]].append(event["dur"])
    # es: la mediana de cada nodo: una llamada interrumpida no cuenta
    # en: the median of each node: a call that was interrupted does not count
    for (operation, _), measured in durations.items():
        spent[operation] += float(np.median(measured))
    return dict(spent.most_common())


profiles = {kind: time_by_operation(path, batch=8) for kind, path in versions["conv"].items()}
rows = [
    {"kind": KINDS[kind], "operation": operation, "us": spent, "share": spent / sum(found.values())}
    for kind, found in profiles.items()
    for operation, spent in list(found.items())[:4]
]
tables.show(
    bench.record("06a/profile", rows),
    columns={
        "kind": tr(es="versión", en="version"),
        "operation": tr(es="operación", en="operation"),
        "us": tr(es="µs por llamada", en="µs per call"),
        "share": tr(es="parte del total", en="share of the total"),
    },
    formats={"share": ".0%"},
    caption=tr(
        es="En qué gasta el tiempo la red convolucional (lote 8; lo que más pesa)",
        en="What the convolutional network spends its time on (batch 8; the largest items)",
    ),
)

# %% [markdown] lang="es" row="44" slide="subslide"
# En la versión dinámica casi todo el tiempo es de `ConvInteger`, la convolución entera que acumula en 32 bits y devuelve enteros. Ni está fusionada con lo que la rodea ni tan optimizada como `Conv` y `QLinearConv`: quienes mantienen ONNX Runtime lo [dicen así desde 2022](https://github.com/microsoft/onnxruntime/issues/12854) («no tenemos optimizaciones especiales para ConvInteger») y recomiendan la estática en redes convolucionales; con la versión que tienes, las medidas de arriba dicen si sigue siendo verdad. El perceptrón ancho es el caso contrario: con una foto, el tiempo se va en **traer los pesos de la memoria**, y con un byte por peso en vez de cuatro hay que traer la cuarta parte. Si además así caben en una caché más rápida (aquí pasan de 23 MB a 6), la ventaja puede pasar de cuatro. Con lotes de 64, cada peso que llega se usa 64 veces, manda el cálculo y la ventaja cambia.
#
# La regla, entonces, no es «menos bits, más deprisa», sino tres preguntas: ¿qué limita, la memoria o el cálculo? ¿Hay *kernel* para esa operación y ese tipo? ¿Qué sabe hacer el procesador? La tercera también se puede medir.
#
# ### Qué cambia el procesador: VNNI
#
# Las instrucciones VNNI (y las equivalentes de ARM) multiplican, en cada casilla de 32 bits del registro, cuatro pares de enteros de 8 bits y suman los productos a un acumulador de 32, con una sola instrucción. En un procesador x86 sin ellas hacen falta tres, y la suma intermedia, de 16 bits, puede saturarse: la misma red int8 puede acertar menos en uno viejo. Para esos, [la guía de ONNX Runtime](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/python/tools/quantization/README.md) aconseja `reduce_range=True`, que deja los pesos en 7 bits. A oneDNN, la biblioteca que usa PyTorch en la CPU, se le puede hacer creer con una variable de entorno (`ONEDNN_MAX_CPU_ISA`) que el procesador es más viejo. Al fingirlo se pierde también lo que llegó después (las instrucciones de `bfloat16`, y AMX, que multiplica bloques enteros): si tu procesador tiene AMX, la diferencia que midas es de las dos. Si el tuyo no tiene VNNI, la tabla de abajo será más corta: `mlprod doctor` dice lo que hay.
#
# **Predice:** si tu procesador tiene VNNI, ¿cuántas veces más rápido multiplica matrices `int8` con esas instrucciones que sin ellas?
# %% [markdown] lang="en" row="44" slide="subslide"
# In the dynamic version nearly all the time goes to `ConvInteger`, the integer convolution that accumulates in 32 bits and returns integers. It is neither fused with what surrounds it nor as well optimised as `Conv` and `QLinearConv`: ONNX Runtime's maintainers [have said so since 2022](https://github.com/microsoft/onnxruntime/issues/12854) ("we don't have special performance optimization on ConvInteger yet") and recommend the static way for convolutional networks; the measurements above tell you whether it is still true in your version. The wide perceptron is the opposite case: with one photo the time goes into **fetching the weights from memory**, and with one byte per weight instead of four there is a quarter to fetch. If they then also fit in a faster cache (here they go from 23 MB to 6), the advantage can exceed four. In batches of 64 each weight that arrives is used 64 times, computation dominates, and the advantage changes.
#
# So the rule is not "fewer bits, faster" but three questions: what is the limit, memory or computing? Is there a kernel for that operation and that type? What can the processor do? The third one can be measured, too.
#
# ### What the processor changes: VNNI
#
# VNNI instructions (and their ARM equivalents) multiply, in each 32-bit lane of the register, four pairs of 8-bit integers and add the products to a 32-bit accumulator, in a single instruction. On an x86 processor without them it takes three, and the intermediate sum, of 16 bits, may saturate: the same int8 network may be right less often on an old one. For those, [ONNX Runtime's guide](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/python/tools/quantization/README.md) recommends `reduce_range=True`, which leaves the weights in 7 bits. An environment variable (`ONEDNN_MAX_CPU_ISA`) can make oneDNN, the library that PyTorch uses on the CPU, behave as if the processor were older. That also takes away whatever came later (the `bfloat16` instructions, and AMX, which multiplies whole tiles): if your processor has AMX, the difference that you measure is due to both. If yours lacks VNNI, the table below will be shorter: `mlprod doctor` says what there is.
#
# **Predict:** if your processor has VNNI, how many times as fast does it multiply `int8` matrices with those instructions as without them?

# %%
vnni_times_as_fast = None

# %% slide="fragment"
CHILD = """
import json, torch
from mlprod.systems.race import race
chance = torch.Generator().manual_seed(0)
a, b = torch.randint(-127, 128, (2, 512, 512), dtype=torch.int8, generator=chance)
kinds = {"float32": (a.float(), b.float()), "bfloat16": (a.bfloat16(), b.bfloat16())}
contestants = {name: (lambda x=x, y=y: x @ y) for name, (x, y) in kinds.items()}
contestants["int8"] = lambda: torch._int_mm(a, b)
run = race(contestants, rounds=ROUNDS, min_seconds=0.005, cpu=True)
print(json.dumps({name: run.faster(name, "float32") for name in run.seconds}))
"""


def matrices_as(processor):
    """{type: (times as fast as float32, low, high)} when oneDNN takes this processor for `processor`; it is a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-c", CHILD.replace("ROUNDS", str(rounds))],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": processor},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


has = machine.vector_instructions()
# es: el más parecido a este que no tiene esas instrucciones
# en: the one most like this that lacks those instructions
older = {"AVX512-VNNI": "AVX512_CORE", "AVX-VNNI": "AVX2"}
without = next((older[name] for name in has if name in older), None)
pretended = (
    {without: tr(es="sin VNNI ni posteriores", en="without VNNI or newer")} if without else {}
)
pretended["DEFAULT"] = tr(es="como es", en="as it is")
rows, by_processor = [], {}
for setting, text in pretended.items():
    by_processor[setting] = matrices_as(setting)
    for kind in ("int8", "bfloat16"):
        middle, low, high = by_processor[setting][kind]
        rows.append({"processor": text, "kind": kind, "faster": middle, "low": low, "high": high})
tables.show(
    bench.record("06a/vnni", rows, instructions=sorted(has)),
    columns={
        "processor": tr(es="procesador", en="processor"),
        "kind": tr(es="tipo", en="type"),
        "faster": tr(es="veces más rápido que float32", en="times as fast as float32"),
        "low": tr(es="de (95 %)", en="from (95 %)"),
        "high": tr(es="a", en="to"),
    },
    caption=tr(
        es=f"Matrices de 512×512 en PyTorch. Este procesador tiene: {', '.join(has) or 'nada de esto'}",
        en=f"Matrices of 512×512 in PyTorch. This processor has: {', '.join(has) or 'none of these'}",
    ),
)
if len(by_processor) == 2:
    compare(
        tr(es="int8 con VNNI frente a sin VNNI", en="int8 with VNNI against without"),
        predicted=vnni_times_as_fast,
        measured=by_processor["DEFAULT"]["int8"][0] / by_processor[without]["int8"][0],
        unit="×",
    )

# %% [markdown] lang="es" row="44" slide="subslide"
# Mira también las filas de `bfloat16`: en un procesador con instrucciones para ese tipo, 16 bits van más deprisa que 32; sin ellas, **más despacio**, porque hay que emularlas. «Calcular con 16 bits es más rápido que con 32», como dice la diapositiva, es una propiedad del hardware.
#
# **¿Y los lotes más grandes?** Con los pesos a la cuarta parte caben más fotos en la misma memoria, pero pocas más mientras no encojan también las **activaciones**, que son lo que crece con el lote. La cuantización estática las guarda en 8 bits entre capa y capa; una que solo cuantiza los pesos, no. Haz la cuenta con esta red: cada foto deja a su paso los números que cuenta la celda siguiente.
# %% [markdown] lang="en" row="44" slide="subslide"
# Look at the `bfloat16` rows, too: on a processor with instructions for that type 16 bits are faster than 32; without them they are **slower**, because they have to be emulated. "Computation on 16 bits is faster than on 32 bits", as the slide says, is a property of the hardware.
#
# **And the bigger batches?** With the weights at a quarter of their size more photos fit in the same memory, but few more unless the **activations**, which are what grows with the batch, shrink too. Static quantization keeps them in 8 bits between layers; one that quantizes only the weights does not. Do the arithmetic with this network: the next cell counts how many numbers each photo needs in memory.

# %% slide="fragment"
with torch.no_grad():
    passing, layers = test_images[:1], []
    for layer in network:
        passing = layer(passing)
        if not isinstance(layer, nn.ReLU | nn.Flatten):
            layers.append(passing.numel())
# es: un motor solo guarda a la vez la entrada y la salida de una operación: la pareja mayor
# en: an engine holds only the input and the output of one operation at a time: the largest pair
pair = max(a + b for a, b in zip([test_images[0].numel(), *layers], layers, strict=False))
weights = model_size.parameters(network)
room = 16e6
rows = [
    {
        "what": text,
        "weights_kb": w * weights / 1e3,
        "photo_kb": a * pair / 1e3,
        "batch": int((room - w * weights) // (a * pair)),
    }
    for text, w, a in (
        ("float32", 4, 4),
        (tr(es="int8, solo los pesos", en="int8, weights alone"), 1, 4),
        (tr(es="int8, pesos y activaciones", en="int8, weights and activations"), 1, 1),
    )
]
tables.show(
    bench.record("06a/batch_memory", rows),
    columns={
        "what": tr(es="tipo", en="type"),
        "weights_kb": tr(es="pesos (kB)", en="weights (kB)"),
        "photo_kb": tr(es="activaciones por foto (kB)", en="activations per photo (kB)"),
        "batch": tr(es="fotos que caben en 16 MB", en="photos that fit in 16 MB"),
    },
    caption=tr(
        es="Cuántas caben a la vez: una cuenta, no una medida",
        en="How many fit at once: arithmetic, not a measurement",
    ),
)

# %% [markdown] lang="es" row="45" slide="slide"
# ## Rango, redondeo y escala
#
# Los 16 bits de la diapositiva son dos formatos distintos, y se confunden:
#
# | | exponente | mantisa | mayor número | paso relativo |
# |---|---|---|---|---|
# | `float16` | 5 bits | 10 bits | 65 504 | 1/1024 |
# | `bfloat16` | 8 bits | 7 bits | $3.4 \times 10^{38}$, como `float32` | 1/128 |
#
# **Predice:** ¿cuál de los dos representa mejor el número 0.1?
# %% [markdown] lang="en" row="45" slide="slide"
# ## Range, rounding and scale
#
# The slide's "16 bits" may be either of two formats, which are often confused:
#
# | | exponent | mantissa | largest number | relative step |
# |---|---|---|---|---|
# | `float16` | 5 bits | 10 bits | 65 504 | 1/1024 |
# | `bfloat16` | 8 bits | 7 bits | $3.4 \times 10^{38}$, like `float32` | 1/128 |
#
# **Predict:** which of the two represents the number 0.1 better?

# %%
# es: "float16", "bfloat16" o "same"
# en: "float16", "bfloat16" or "same"
better_at_one_tenth = None

# %% slide="fragment"
formats = {"float16": torch.float16, "bfloat16": torch.bfloat16}
rows = [
    {
        "number": text,
        **{name: torch.tensor(float(text)).to(kind).item() for name, kind in formats.items()},
    }
    for text in ("1e-8", "1e-5", "0.1", "1.001", "257", "70000", "1e38")
]
tables.show(
    bench.record("06a/formats", rows),
    columns={"number": tr(es="número", en="number"), "float16": "float16", "bfloat16": "bfloat16"},
    formats={"float16": ".6g", "bfloat16": ".6g"},
    caption=tr(
        es="Siete números, dos formatos de 16 bits", en="Seven numbers, two formats of 16 bits"
    ),
)
tenth = {name: abs(rows[2][name] - 0.1) for name in formats}
choose(
    tr(es="¿Quién representa mejor 0.1?", en="Which represents 0.1 better?"),
    {
        "float16": "float16",
        "bfloat16": "bfloat16",
        "same": tr(es="los dos igual", en="both the same"),
    },
    better_at_one_tenth,
    right=min(tenth, key=tenth.get),
    why=tr(
        es=f"Tiene tres bits más de mantisa. Errores: {tenth['float16']:.1e} y {tenth['bfloat16']:.1e}.",
        en=f"It has three more bits of mantissa. Errors: {tenth['float16']:.1e} and {tenth['bfloat16']:.1e}.",
    ),
)

# %% tags=["hide-input"] slide="subslide"
span = np.logspace(-12, 7, 4000).reshape(-1, 40)
fig, ax = plots.subplots()
for name, kind in formats.items():
    inside = span[:, -1] < torch.finfo(kind).max
    stored = torch.tensor(span[inside]).to(kind).double().numpy()
    # es: la envolvente: el peor error de cada tramo
    # en: the envelope: the worst error of each stretch
    ax.plot(span[inside, 0], (np.abs(stored - span[inside]) / span[inside]).max(1), label=name)
inside = span[:, -1] <= 1
error = np.abs(np.round(span[inside] * 127) / 127 - span[inside]) / span[inside]
ax.plot(span[inside, 0], error.max(1), label=tr(es="int8, rango ±1", en="int8, range ±1"))
ax.set_xscale("log")
ax.set_yscale("log")
ax.set_xlabel(tr(es="número", en="number"))
ax.set_ylabel(tr(es="error relativo", en="relative error"))
ax.set_title(tr(es="Precisión o rango", en="Precision or range"))
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Error relativo según el tamaño del número. float16 es el más preciso entre una diezmilésima y 65504, y por debajo empeora hasta perderlo todo; bfloat16 es plano y ocho veces peor en todo el rango; int8 solo es preciso cerca de su máximo",
        en="Relative error by the size of the number. float16 is the most precise between a ten-thousandth and 65504, and below that it worsens until all is lost; bfloat16 is flat and eight times worse over the whole range; int8 is precise near its maximum alone",
    ),
)

# %% [markdown] lang="es" row="45" slide="subslide"
# `bfloat16` **no es más preciso** que `float16`: tiene más rango y menos precisión. Es «el secreto» de las TPU de la diapositiva porque al entrenar lo que suele faltar es rango. Compruébalo con los gradientes de nuestra red: una parte de ellos es más pequeña que el menor `float16`.
#
# **Predice:** ¿qué porcentaje de los gradientes que no son cero se convierte en cero al pasarlos a `float16`?
# %% [markdown] lang="en" row="45" slide="subslide"
# `bfloat16` is **not more precise** than `float16`: it has more range and less precision. It is "the secret" of the slide's TPUs because what usually runs short in training is range. Check it with the gradients of our network: some of them are smaller than the smallest `float16`.
#
# **Predict:** what percentage of the non-zero gradients becomes zero when converted to `float16`?

# %%
percent_of_gradients_lost = None

# %% slide="fragment"
learner = fashion.build("cnn", network.state_dict())
learner.load_state_dict(network.state_dict())
nn.functional.cross_entropy(learner(images[:256]), labels[:256]).backward()
gradients = torch.cat([part.grad.flatten() for part in learner.parameters()])
gradients = gradients[gradients != 0]


def lost(values, kind):
    """Percentage of non-zero `values` that become zero or infinite in `kind`."""
    stored = values.to(kind)
    return 100 * float(((stored == 0) | ~torch.isfinite(stored)).float().mean())


def coarse(values, kind):
    """Percentage of `values` below the smallest normal number of `kind`: the smaller, the fewer digits they keep."""
    return 100 * float((values.abs() < torch.finfo(kind).smallest_normal).float().mean())


rows = [
    {"how": text, "lost": lost(values, kind), "coarse": coarse(values, kind)}
    for text, values, kind in (
        ("float16", gradients, torch.float16),
        (
            tr(es="float16, pérdida × 1024", en="float16, loss × 1024"),
            gradients * 1024,
            torch.float16,
        ),
        ("bfloat16", gradients, torch.bfloat16),
    )
]
tables.show(
    bench.record("06a/gradients", rows),
    columns={
        "how": tr(es="formato", en="format"),
        "lost": tr(
            es="gradientes que pasan a cero o a infinito (%)",
            en="gradients that become zero or infinite (%)",
        ),
        "coarse": tr(es="con menos cifras de las debidas (%)", en="with fewer digits than due (%)"),
    },
    caption=tr(
        es=f"{len(gradients)} gradientes no nulos de un lote de 256",
        en=f"{len(gradients)} non-zero gradients of a batch of 256",
    ),
)
compare(
    tr(es="gradientes que float16 convierte en cero", en="gradients that become zero in float16"),
    predicted=percent_of_gradients_lost,
    measured=rows[0]["lost"],
    unit="%",
)

# %% [markdown] lang="es" row="45" slide="subslide"
# Los que pasan a cero no son los únicos dañados: por debajo de $6 \times 10^{-5}$, `float16` va perdiendo cifras (números *subnormales*). Multiplicar la pérdida por 1024 antes de derivar, y dividir el gradiente después ya en `float32`, desplaza casi todos los gradientes hacia donde `float16` tiene cifras de sobra: compara las dos primeras filas. Se llama **escalado de la pérdida**, y es una de las «técnicas eficientes de escala y redondeo» que pide la diapositiva.
#
# ### Un valor atípico
#
# Un entero de 8 bits tiene 256 pasos iguales para todo el rango, y **un solo** valor enorme los estira todos. Multiplicamos por 40 un peso, el mayor de la capa oculta, y cuantizamos.
#
# **Predice:** ¿por cuánto se multiplica el error RMS (la raíz de la media de sus cuadrados) de los **demás** pesos, si hay una escala para toda la matriz?
# %% [markdown] lang="en" row="45" slide="subslide"
# Those that become zero are not the only ones damaged: below $6 \times 10^{-5}$, `float16` gradually loses digits (*subnormal* numbers). Multiplying the loss by 1024 before differentiating, and dividing the gradient afterwards in `float32`, moves nearly all gradients to where `float16` has all its digits: compare the first two rows. It is called **loss scaling**, and it is one of the "efficient rounding/scaling techniques" that the slide asks for.
#
# ### An outlier
#
# An 8-bit integer has 256 equal steps for the whole range, and **a single** huge value stretches them all. We take one weight, the largest of the hidden layer, multiply it by 40, and quantize.
#
# **Predict:** by how much is the RMS error (the root of the mean of its squares) of the **other** weights multiplied, if there is one scale for the whole matrix?

# %%
times_the_error_with_an_outlier = None

# %% slide="fragment"
hidden = original["7.weight"]
spoilt = hidden.copy()
where = np.unravel_index(np.abs(hidden).argmax(), hidden.shape)
spoilt[where] *= 40
others = np.ones(hidden.shape, bool)
others[where] = False


def typical_error(x, **how):
    """Root mean square error of all weights but the outlier."""
    return float(np.sqrt(np.mean((x - quantize(x, **how).values())[others] ** 2)))


rows = []
for text, how in (
    (tr(es="una escala", en="one scale"), {}),
    (tr(es="una por canal (fila)", en="one per channel (row)"), {"axis": 0}),
    (
        tr(
            es="una escala, recortando al máximo de antes",
            en="one scale, clipped to the former maximum",
        ),
        {"clip": np.abs(hidden).max()},
    ),
):
    before, after = typical_error(hidden, **how), typical_error(spoilt, **how)
    rows.append({"how": text, "before": before, "after": after, "times": after / before})
tables.show(
    bench.record("06a/outlier", rows),
    columns={
        "how": tr(es="escalas", en="scales"),
        "before": tr(es="error RMS", en="RMS error"),
        "after": tr(es="con un atípico", en="with an outlier"),
        "times": tr(es="veces", en="times"),
    },
    caption=tr(es=f"Un peso entre {hidden.size}", en=f"One weight in {hidden.size}"),
)
compare(
    tr(es="veces el error, con una sola escala", en="times the error, with a single scale"),
    predicted=times_the_error_with_an_outlier,
    measured=rows[0]["times"],
    unit="×",
)

# %% [markdown] lang="es" row="45" slide="subslide"
# Con una sola escala el error no crece 40 veces, sino alrededor de la mitad: el rango iba de un lado a otro del cero, y el atípico estira solo uno de los dos lados. Con una escala por canal, el daño se queda en una fila. Recortar también salva a los demás, a costa de equivocarse mucho en uno; si ese uno importa (en los modelos de lenguaje, valores así importan: [Dettmers y otros, 2022](https://arxiv.org/abs/2208.07339)), es una mala idea.
#
# ### ¿Dónde recortar?
#
# Recortar más estrecha los pasos (menos error de redondeo) y satura más valores (más error de recorte). Hay un punto óptimo entre los dos, y se busca: se prueban muchos umbrales y se elige el de menor error. Los números que se cuantizan aquí tienen colas largas (una *t* de Student con tres grados de libertad), como muchas activaciones.
#
# **Predice:** con **4 bits**, ¿a qué porcentaje del máximo está el mejor umbral?
# %% [markdown] lang="en" row="45" slide="subslide"
# With a single scale the error does not grow 40 times but about half of that: the range reached to both sides of zero, and the outlier stretches only one of them. With one scale per channel the damage stays in one row. Clipping saves the others, too, at the price of being far off in one; if that one matters (in language models such values do: [Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)), it is a bad idea.
#
# ### Where to clip?
#
# Clipping more narrows the steps (less rounding error) and saturates more values (more clipping error). There is a sweet spot, and it is found by trial: we try many thresholds and keep the one with the least error. The numbers quantized here have long tails (a Student's *t* of three degrees of freedom), as many activations do.
#
# **Predict:** with **4 bits**, at what percentage of the maximum is the best threshold?

# %%
best_threshold_percent = None

# %% slide="fragment"
heavy = np.random.default_rng(7).standard_t(3, size=20_000).astype(np.float32)
largest = float(np.abs(heavy).max())
shares = np.linspace(0.02, 1, 50)
curves = {
    bits: [
        float(
            np.sqrt(
                np.mean((heavy - quantize(heavy, bits=bits, clip=share * largest).values()) ** 2)
            )
        )
        for share in shares
    ]
    for bits in (8, 4)
}
fig, ax = plots.subplots()
for bits, errors in curves.items():
    best = int(np.argmin(errors))
    (line,) = ax.plot(100 * shares, errors, label=f"{bits} bits")
    ax.plot(100 * shares[best], errors[best], "o", color=line.get_color())
ax.set_yscale("log")
ax.set_xlabel(tr(es="umbral (% del máximo)", en="threshold (% of the maximum)"))
ax.set_ylabel(tr(es="error RMS", en="RMS error"))
ax.set_title(
    tr(es="Con menos bits conviene recortar más", en="With fewer bits it pays to clip more")
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Error según el umbral de recorte, con 8 y con 4 bits: las dos curvas bajan y vuelven a subir, la de 8 apenas; el mínimo de 4 bits está en un umbral mucho menor",
        en="Error by the clipping threshold, with 8 and with 4 bits: both curves go down and up again, the one for 8 hardly; the minimum for 4 bits is at a much lower threshold",
    ),
)
bench.record(
    "06a/clip",
    [
        {
            "bits": b,
            "best_share": shares[int(np.argmin(e))],
            "error": min(e),
            "error_unclipped": e[-1],
        }
        for b, e in curves.items()
    ],
)
compare(
    tr(es="mejor umbral con 4 bits", en="best threshold with 4 bits"),
    predicted=best_threshold_percent,
    measured=100 * shares[int(np.argmin(curves[4]))],
    unit="%",
    note=tr(
        es=f"Sin recortar, el error es {curves[4][-1] / min(curves[4]):.1f} veces mayor con 4 bits y {curves[8][-1] / min(curves[8]):.2f} con 8.",
        en=f"Without clipping, the error is {curves[4][-1] / min(curves[4]):.1f} times as large with 4 bits, and {curves[8][-1] / min(curves[8]):.2f} with 8.",
    ),
)

# %% [markdown] lang="es" row="48" slide="slide"
# ## Podar: primero, un árbol
#
# La poda viene de los árboles de decisión (CART: Breiman, Friedman, Olshen y Stone, 1984). Un árbol que crece sin límite se aprende el ruido; podarlo es sustituir ramas enteras por una hoja. ¿Cuáles? La poda por **coste y complejidad** pone precio a cada hoja: minimiza
#
# $$R_\alpha(T) = R(T) + \alpha\,|T|$$
#
# donde $R(T)$ es la impureza que queda y $|T|$ el número de hojas. De cada nodo $t$ cuelga una rama $T_t$; con $R(t)$, la impureza si el nodo fuese una hoja, hay un precio a partir del cual no compensa tenerla: $g(t) = (R(t) - R(T_t)) / (|T_t| - 1)$, lo que cada hoja de más ahorra en impureza. Se corta siempre la de menor $g$, **el eslabón más débil**, y se repite; sale una sucesión de árboles, cada uno dentro del anterior. Aquí está entera, sobre un árbol de scikit-learn, con 49 números por foto (medias de cuadros de 4×4 píxeles).
# %% [markdown] lang="en" row="48" slide="slide"
# ## Pruning: a tree first
#
# Pruning comes from decision trees (CART: Breiman, Friedman, Olshen and Stone, 1984). A tree that grows without limit learns the noise; pruning it means replacing whole branches by a leaf. Which ones? **Cost-complexity** pruning puts a price on each leaf: it minimises
#
# $$R_\alpha(T) = R(T) + \alpha\,|T|$$
#
# where $R(T)$ is the impurity that is left and $|T|$ the number of leaves. From each node $t$ hangs a branch $T_t$; with $R(t)$, the impurity if the node were a leaf, there is a price from which the branch is not worth having: $g(t) = (R(t) - R(T_t)) / (|T_t| - 1)$, what each extra leaf saves in impurity. One always cuts the branch of least $g$, **the weakest link**, and repeats; the result is a sequence of trees, each contained in the one before. Here is the whole algorithm, on a scikit-learn tree, with 49 numbers per photo (means of squares of 4×4 pixels).


# %% slide="subslide"
def weakest_links(tree):
    """Cost-complexity path of a fitted scikit-learn tree: (alphas, leaves left after each cut), from scratch."""
    left, right, weight = tree.children_left, tree.children_right, tree.weighted_n_node_samples
    impurity = tree.impurity * weight / weight[0]
    parent = np.full(tree.node_count, -1)
    for node in np.flatnonzero(left >= 0):
        parent[left[node]] = parent[right[node]] = node
    leaves, below = np.ones(tree.node_count), impurity.copy()
    # es: los hijos van detrás de su padre, así que de atrás adelante cada nodo ya conoce sus ramas
    # en: children come after their parent, so from the back each node knows its branches already
    for node in np.flatnonzero(left >= 0)[::-1]:
        leaves[node] = leaves[left[node]] + leaves[right[node]]
        below[node] = below[left[node]] + below[right[node]]
    alive = left >= 0
    alphas, counts = [0.0], [int(leaves[0])]
    while alive.any():
        price = np.full(tree.node_count, np.inf)
        price[alive] = (impurity - below)[alive] / (leaves - 1)[alive]
        weakest = int(price.argmin())
        alphas.append(max(alphas[-1], price[weakest]))
        cut_leaves, cut_impurity = leaves[weakest] - 1, impurity[weakest] - below[weakest]
        branch = [weakest]
        while branch:
            node = branch.pop()
            if left[node] >= 0 and alive[node]:
                alive[node] = False
                branch += [left[node], right[node]]
        node = weakest
        while node >= 0:
            leaves[node] -= cut_leaves
            below[node] += cut_impurity
            node = parent[node]
        counts.append(int(leaves[0]))
    return np.array(alphas), np.array(counts)


def squares(x):
    """(n, 49): means of squares of 4×4 pixels."""
    return nn.functional.avg_pool2d(x, 4).flatten(1).numpy()


grown = 4000
tree_x, tree_y = squares(images[:grown]), labels[:grown].numpy()
full_tree = DecisionTreeClassifier(random_state=0).fit(tree_x, tree_y)
alphas, counts = weakest_links(full_tree.tree_)
theirs = full_tree.cost_complexity_pruning_path(tree_x, tree_y)
# es: scikit-learn corta a la vez las ramas que empatan: se comparan los precios distintos
# en: scikit-learn cuts tied branches at once: what is compared is the distinct prices
ours, sklearns = np.unique(alphas.round(9)), np.unique(theirs.ccp_alphas.round(9))
agree = len(ours) == len(sklearns) and np.allclose(ours, sklearns, atol=1e-8)
print(
    tr(
        es=f"{counts[0]} hojas; {len(alphas) - 1} cortes; los precios coinciden con los de scikit-learn: {'sí' if agree else 'no'}",
        en=f"{counts[0]} leaves; {len(alphas) - 1} cuts; the prices agree with scikit-learn's: {'yes' if agree else 'no'}",
    )
)

# %% [markdown] lang="es" row="48" slide="subslide"
# Falta elegir $\alpha$. **Predice:** de las hojas del árbol sin podar, ¿qué porcentaje **sobrevive** si $\alpha$ se elige por validación cruzada?
# %% [markdown] lang="en" row="48" slide="subslide"
# What remains is to choose $\alpha$. **Predict:** of the leaves of the unpruned tree, what percentage **survives** if $\alpha$ is chosen by cross-validation?

# %%
percent_of_leaves_left = None

# %% slide="fragment"
distinct = np.unique(alphas)
# es: alfas de toda la gama, sin entrenar cientos de veces
# en: alphas of the whole range, without training hundreds of times
tried = np.unique(
    np.concatenate([[0.0], np.geomspace(distinct[distinct > 0][0], distinct[-2], 10)])
)
folds = list(StratifiedKFold(4, shuffle=True, random_state=0).split(tree_x, tree_y))


def fitted(alpha, pick=slice(None)):
    """A tree pruned at `alpha`, grown from the rows `pick`."""
    return DecisionTreeClassifier(random_state=0, ccp_alpha=alpha).fit(tree_x[pick], tree_y[pick])


cross = np.array(
    [
        [fitted(alpha, inside).score(tree_x[out], tree_y[out]) for inside, out in folds]
        for alpha in tried
    ]
)
trees = [fitted(alpha) for alpha in tried]
train_scores = np.array([tree.score(tree_x, tree_y) for tree in trees])
test_scores = np.array([tree.score(squares(test_images), test_labels.numpy()) for tree in trees])
best = int(cross.mean(1).argmax())
error = cross.std(1, ddof=1) / np.sqrt(len(folds))
# es: la regla de un error típico: el más pequeño entre los que no se distinguen del mejor
# en: the one-standard-error rule: the smallest among those that cannot be told from the best
frugal = int(np.flatnonzero(cross.mean(1) >= cross.mean(1)[best] - error[best])[-1])
leaves_left = np.array([tree.get_n_leaves() for tree in trees])
fig, ax = plots.subplots()
ax.plot(leaves_left, 100 * train_scores, "o-", label=tr(es="entrenamiento", en="training"))
ax.errorbar(
    leaves_left,
    100 * cross.mean(1),
    yerr=100 * error,
    fmt="o-",
    capsize=3,
    label=tr(es="validación cruzada", en="cross-validation"),
)
ax.plot(leaves_left, 100 * test_scores, "o--", label=tr(es="prueba", en="test"))
ax.axvline(
    leaves_left[frugal],
    color=plots.FAINT,
    linewidth=1,
    label=tr(es="elegido, a un error típico", en="chosen, within one standard error"),
)
ax.set_xscale("log")
ax.set_xlabel(tr(es="hojas", en="leaves"))
ax.set_ylabel(tr(es="exactitud (%)", en="accuracy (%)"))
ax.set_title(
    tr(es="El entrenamiento siempre pide más hojas", en="Training always asks for more leaves")
)
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Exactitud según el número de hojas. La de entrenamiento sube hasta el 100 %; las de validación y prueba se aplanan, y bajan un poco al final. Una raya vertical marca el árbol elegido",
        en="Accuracy by the number of leaves. That of training rises to 100 %; those of validation and test flatten, and go down a little at the end. A vertical line marks the tree that is chosen",
    ),
)
rows = [
    {
        "chosen": text,
        "alpha": tried[i],
        "leaves": int(leaves_left[i]),
        "train": 100 * train_scores[i],
        "cross": 100 * cross[i].mean(),
        "test": 100 * test_scores[i],
    }
    for text, i in (
        (tr(es="por el entrenamiento", en="by the training set"), int(train_scores.argmax())),
        (tr(es="por validación cruzada", en="by cross-validation"), best),
        (tr(es="ídem, a un error típico", en="the same, within one standard error"), frugal),
    )
]
tables.show(
    bench.record("06a/tree", rows),
    columns={
        "chosen": tr(es="α elegida", en="α chosen"),
        "alpha": "α",
        "leaves": tr(es="hojas", en="leaves"),
        "train": tr(es="entrenamiento (%)", en="training (%)"),
        "cross": tr(es="validación cruzada (%)", en="cross-validation (%)"),
        "test": tr(es="prueba (%)", en="test (%)"),
    },
    caption=tr(es="Tres maneras de elegir α", en="Three ways of choosing α"),
)
compare(
    tr(es="hojas que sobreviven (validación cruzada)", en="leaves that survive (cross-validation)"),
    predicted=percent_of_leaves_left,
    measured=100 * leaves_left[best] / leaves_left[0],
    unit="%",
)

# %% [markdown] lang="es" row="48" slide="subslide"
# El error de entrenamiento **nunca** pide podar: cada hoja que quitas lo empeora o lo deja igual, así que siempre elige $\alpha = 0$. La validación, en cambio, se queda con una parte de las hojas, y el árbol que elige no acierta menos con datos nuevos: compara las dos últimas columnas. Tres cosas pasarán tal cual a las redes: hay que elegir con datos que no se han visto, quitar **cambia la estructura** (un nodo menos es un nodo menos), y lo que se quita se ordena por lo que cuesta quitarlo.
#
# ## Podar una red, método 1: quitar unidades
#
# Una unidad oculta es una fila de la matriz que entra en ella, un número del vector de sesgos y una **columna de la matriz siguiente**. Quitarla de verdad es quitar las tres cosas. En una convolución, la unidad es un canal de salida; si después se aplana, su «columna» son las 49 que leen sus 7×7 píxeles. Si la unidad estaba muerta (su salida es siempre cero), la función no cambia en nada.
# %% [markdown] lang="en" row="48" slide="subslide"
# The training error **never** asks for pruning: each leaf that you remove worsens it or leaves it as it is, so it always chooses $\alpha = 0$. Validation, on the other hand, keeps a part of the leaves, and the tree that it chooses does no worse on new data: compare the last two columns. Three things carry over to networks unchanged: one has to choose with data that have not been seen, removing **changes the structure** (one node fewer is one node fewer), and what is removed is ordered by what removing it costs.
#
# ## Pruning a network, method 1: removing units
#
# A hidden unit is a row of the matrix that goes into it, a number of the vector of biases, and a **column of the next matrix**. Really removing it is removing all three. In a convolution the unit is an output channel; if it is flattened afterwards, its "column" is the 49 that read its 7×7 pixels. If the unit was dead (its output is always zero), the function does not change at all.


# %% row="49" slide="subslide"
def remove_units(before, after, keep, each=1):
    """Two smaller layers without the units of `before` that are not in `keep` (bool). each: inputs of `after` that a unit feeds."""
    spread = keep.repeat_interleave(each)
    with torch.no_grad():
        if isinstance(before, nn.Conv2d):
            first = nn.Conv2d(
                before.in_channels, int(keep.sum()), before.kernel_size, padding=before.padding
            )
        else:
            first = nn.Linear(before.in_features, int(keep.sum()))
        first.weight.copy_(before.weight[keep])
        first.bias.copy_(before.bias[keep])
        if isinstance(after, nn.Conv2d):
            second = nn.Conv2d(
                int(keep.sum()), after.out_channels, after.kernel_size, padding=after.padding
            )
        else:
            second = nn.Linear(int(spread.sum()), after.out_features)
        # es: la columna de la capa siguiente también se va; sus sesgos se quedan todos
        # en: the next layer's column goes, too; its biases all stay
        second.weight.copy_(after.weight[:, spread])
        second.bias.copy_(after.bias)
    return first, second


# es: dónde está cada capa con unidades, quién las lee, y cuántas entradas de ella ocupa cada unidad
# en: where each layer with units is, who reads them, and how many of its inputs each unit feeds
UNITS = {"conv1": (0, 3, 1), "conv2": (3, 7, (fashion.SIDE // 4) ** 2), "hidden": (7, 9, 1)}


def shrink(net, keeps):
    """A really smaller network: `keeps` has a bool for each unit of each layer."""
    layers = list(net)
    for name, keep in keeps.items():
        i, j, each = UNITS[name]
        layers[i], layers[j] = remove_units(layers[i], layers[j], keep, each)
    return nn.Sequential(*layers).eval()


def zero_units(net, keeps):
    """The alternative: the same shapes, with zeros in the place of what `shrink` removes."""
    copy = fashion.build("cnn", net.state_dict())
    copy.load_state_dict(net.state_dict())
    with torch.no_grad():
        for name, keep in keeps.items():
            layer = copy[UNITS[name][0]]
            layer.weight[~keep] = 0
            layer.bias[~keep] = 0
    return copy.eval()


chance = torch.Generator().manual_seed(0)
sizes_of = {name: len(network[i].bias) for name, (i, _, _) in UNITS.items()}
half = {
    name: torch.rand(size, generator=chance).argsort().argsort() < size // 2
    for name, size in sizes_of.items()
}
zeroed, shrunk = zero_units(network, half), shrink(network, half)
with torch.no_grad():
    gap = (zeroed(test_images[:200]) - shrunk(test_images[:200])).abs().max().item()
print(
    tr(
        es=f"mayor diferencia entre las dos: {gap:.1e}",
        en=f"largest difference between the two: {gap:.1e}",
    )
)

# %% [markdown] lang="es" row="49" slide="subslide"
# Las dos redes son **la misma función**: en una, la mitad de las unidades da siempre cero; en la otra, esa mitad no existe. **Predice:** ¿cuántas veces más rápida que la original es la que encoge, con una foto? ¿Y la de los ceros?
# %% [markdown] lang="en" row="49" slide="subslide"
# The two networks are **the same function**: in one, half of the units always give zero; in the other, that half does not exist. **Predict:** how many times as fast as the original is the one that shrinks, with one photo? And the one with the zeros?

# %%
shrunk_times_as_fast = None
zeroed_times_as_fast = None

# %% slide="fragment"
thirds = {
    "original": network,
    "zeroed": zeroed,
    "shrunk": shrunk,
}
NAMES = {
    "original": tr(es="original", en="original"),
    "zeroed": tr(es="media red a cero", en="half the network at zero"),
    "shrunk": tr(es="media red, quitada", en="half the network, removed"),
}
third_paths = {name: deploy(net, f"third_{name}") for name, net in thirds.items()}
third_sessions = {name: open_session(path) for name, path in third_paths.items()}
removing = race({n: call(s, 1) for n, s in third_sessions.items()}, rounds=rounds, cpu=True)
rows = []
for name, net in thirds.items():
    size = model_size.size_of(net, test_images[:1])
    found = removing.faster(name, "original")
    rows.append(
        {
            "what": NAMES[name],
            "parameters": size.parameters,
            "nonzero": size.nonzero,
            "mmacs": size.macs / 1e6,
            "disk_kb": model_size.disk(third_paths[name])[0] / 1e3,
            "faster": found.median,
            "low": None if name == "original" else found.low,
            "high": None if name == "original" else found.high,
        }
    )
tables.show(
    bench.record("06a/remove_or_zero", rows, rounds=rounds),
    columns={
        "what": tr(es="red", en="network"),
        "parameters": columns["parameters"],
        "nonzero": tr(es="no nulos", en="non-zero"),
        "mmacs": columns["mmacs"],
        "disk_kb": columns["disk_kb"],
        "faster": tr(es="veces más rápida", en="times as fast"),
        "low": tr(es="de (95 %)", en="from (95 %)"),
        "high": tr(es="a", en="to"),
    },
    caption=tr(
        es="Quitar o poner a cero: la misma función", en="Removing or zeroing: the same function"
    ),
)
for text, predicted, name in (
    (
        tr(es="quitada, frente a la original", en="removed, against the original"),
        shrunk_times_as_fast,
        "shrunk",
    ),
    (
        tr(es="a cero, frente a la original", en="at zero, against the original"),
        zeroed_times_as_fast,
        "zeroed",
    ),
):
    compare(text, predicted=predicted, measured=removing.faster(name, "original").median, unit="×")

# %% [markdown] lang="es" row="49" slide="subslide"
# Con la mitad de las unidades queda poco más de **la cuarta parte** de los pesos: las capas intermedias pierden la mitad de sus filas y la mitad de sus columnas. El tiempo baja menos que los MAC, porque hay gastos fijos y porque las matrices pequeñas aprovechan peor el procesador. Y la de los ceros multiplica por cero exactamente igual de despacio. (Aquí las unidades se han elegido al azar, y la exactitud cae; falta saber **cuáles** quitar y volver a entrenar un poco, que es lo que se hizo con la podada de la tabla del principio.)
#
# ## Método 2: poner a cero los pesos menos útiles
#
# Para esta parte, un perceptrón de toda la vida (300 y 100 unidades ocultas), que se reentrena en segundos. El criterio más sencillo es la **magnitud**: fuera los pesos más pequeños. Atención a los detalles que se olvidan: se compara $|w|$, no $w$; los sesgos no se tocan; y si se vuelve a entrenar, la **máscara** se aplica después de *cada* paso, o los ceros reviven.
# %% [markdown] lang="en" row="49" slide="subslide"
# With half of the units, little more than **a quarter** of the weights is left: the layers in the middle lose half of their rows and half of their columns. The time goes down less than the MACs, because there are fixed costs and because small matrices use the processor less well. And the one with the zeros multiplies by zero just as slowly. (Here the units were chosen at random, and accuracy drops; what remains is to know **which** to remove, and to train a little more, which is what was done with the pruned one of the table at the beginning.)
#
# ## Method 2: setting the least useful weights to zero
#
# For this part, an old-fashioned perceptron (300 and 100 hidden units) that can be retrained in seconds. The simplest criterion is **magnitude**: the smallest weights go. Mind the details that are often forgotten: one compares $|w|$, not $w$; biases are left alone; and if one trains again, the **mask** is applied after *each* step, or the zeros come back to life.


# %% row="50" slide="subslide"
def matrices(net):
    """The weights that may be pruned: matrices and filters, no biases."""
    return [part for name, part in net.named_parameters() if name.endswith("weight")]


def masks_by(scores, sparsity, layerwise=False):
    """One bool a weight: False for the fraction `sparsity` of lowest score, of all layers together or of each."""
    if layerwise:
        return [masks_by([each], sparsity)[0] for each in scores]
    flat = torch.cat([each.flatten() for each in scores])
    keep = torch.ones(len(flat), dtype=torch.bool)
    # es: por posición en el orden, y no por un umbral: así la cuenta es exacta también con empates
    # en: by place in the order, and not by a threshold: so the count is exact with ties, too
    keep[flat.argsort(stable=True)[: round(sparsity * len(flat))]] = False
    return [
        part.view_as(each)
        for part, each in zip(keep.split([s.numel() for s in scores]), scores, strict=True)
    ]


def apply_masks(net, masks):
    """Put to zero, in place, what the masks say."""
    with torch.no_grad():
        for part, mask in zip(matrices(net), masks, strict=True):
            part.mul_(mask)


def copy_of(net):
    """An independent copy."""
    copy = fashion.build("mlp", net.state_dict())
    copy.load_state_dict(net.state_dict())
    return copy.eval()


def pruned_copy(net, masks):
    copy = copy_of(net)
    apply_masks(copy, masks)
    return copy


perceptron = fashion.trained("mlp", store)
magnitude = [part.detach().abs() for part in matrices(perceptron)]
for name, layerwise in (
    (tr(es="global", en="global"), False),
    (tr(es="por capa", en="by layer"), True),
):
    masks = masks_by(magnitude, 0.9, layerwise)
    left = ", ".join(f"{mask.float().mean():.0%}" for mask in masks)
    accuracy = fashion.hits(pruned_copy(perceptron, masks), valid_images, valid_labels).mean()
    print(
        tr(
            es=f"{name}: queda {left}; exactitud {accuracy:.1%}",
            en=f"{name}: left {left}; accuracy {accuracy:.1%}",
        )
    )

# %% [markdown] lang="es" row="50" slide="subslide"
# Con el mismo 90 % de ceros, el reparto importa: si se ordenan los pesos de todas las capas juntas (*global*), las dos últimas, que tienen menos pesos y más grandes, conservan más que si cada capa pierde lo mismo, y aquí la red lo agradece.
#
# Y hay tres maneras de llegar al mismo porcentaje de ceros: **de golpe**; de golpe y **reentrenando** después; y **poco a poco** (se quita una parte, se reentrena, se quita otra). Las dos últimas gastan las mismas épocas en total.
#
# **Predice:** con el 95 % de los pesos a cero, podando y reentrenando poco a poco, ¿cuántos **puntos** de exactitud se pierden?
# %% [markdown] lang="en" row="50" slide="subslide"
# With the same 90 % of zeros, where they go matters: if the weights of all layers are ranked together (*global*), the last two, whose weights are fewer and larger, keep more than if each layer loses the same share, and here the network is better for it.
#
# And there are three ways of arriving at the same percentage of zeros: **at once**; at once and **retrained** afterwards; and **little by little** (part is removed, one trains, another part is removed). The last two take the same epochs in all.
#
# **Predict:** with 95 % of the weights at zero, pruned and retrained little by little, how many **points** of accuracy are lost?

# %%
points_lost_at_95 = None


# %% slide="fragment"
def tune(net, masks, epochs, seed=0):
    """Train `net` a little more without letting its zeros come back."""
    return fashion.train(
        net,
        images,
        labels,
        epochs=epochs,
        seed=seed,
        rate=5e-4,
        after_step=lambda: apply_masks(net, masks),
    )


def little_by_little(net, sparsity, epochs, steps=3):
    """Prune to `sparsity` in `steps`, training after each; what is zero stays zero."""
    net = copy_of(net)
    for step in range(1, steps + 1):
        part = 1 - (1 - sparsity) ** (step / steps)
        masks = masks_by([each.detach().abs() for each in matrices(net)], part)
        apply_masks(net, masks)
        tune(net, masks, epochs / steps, seed=step)
    return net


EPOCHS = 2
SPARSITIES = (0.7, 0.9, 0.95, 0.98)
# es: la comparación justa: la red entera, con las mismas épocas de más
# en: the fair comparison: the whole network, with the same additional epochs
longer = tune(
    copy_of(perceptron), [torch.ones_like(m, dtype=torch.bool) for m in magnitude], EPOCHS
)
more_trained = fashion.hits(longer, test_images, test_labels)
WAYS = {
    "at once": tr(es="de golpe", en="at once"),
    "tuned": tr(es="de golpe, y reentrenar", en="at once, then retrain"),
    "iterative": tr(es="poco a poco", en="little by little"),
}
rows, masks_kept = [], True
for sparsity in SPARSITIES:
    masks = masks_by(magnitude, sparsity)
    nets = {
        "at once": pruned_copy(perceptron, masks),
        "tuned": tune(pruned_copy(perceptron, masks), masks, EPOCHS),
        "iterative": little_by_little(perceptron, sparsity, EPOCHS),
    }
    for way, net in nets.items():
        zeros = sum(int((part == 0).sum()) for part in matrices(net))
        masks_kept = masks_kept and zeros >= round(sparsity * sum(m.numel() for m in masks))
        gaps = 100 * (fashion.hits(net, test_images, test_labels).astype(float) - more_trained)
        rows.append(
            {
                "sparsity": sparsity,
                "way": way,
                "gap": gaps.mean(),
                "half_interval": 1.96 * gaps.std(ddof=1) / np.sqrt(len(gaps)),
            }
        )
bench.record("06a/iterative", rows)
print(tr(es="los ceros siguen siendo cero:", en="the zeros are still zero:"), masks_kept)
fig, ax = plots.subplots()
for way, text in WAYS.items():
    mine = [row for row in rows if row["way"] == way]
    ax.errorbar(
        [f"{100 * row['sparsity']:.0f} %" for row in mine],
        [row["gap"] for row in mine],
        yerr=[row["half_interval"] for row in mine],
        fmt="o-",
        capsize=3,
        label=text,
    )
ax.axhline(0, color=plots.FAINT, linewidth=1)
ax.set_yscale("symlog", linthresh=2)
ax.set_yticks([1, 0, -1, -3, -10, -30, -100], ["1", "0", "−1", "−3", "−10", "−30", "−100"])
ax.set_ylim(-120, 2)
ax.set_xlabel(tr(es="pesos a cero", en="weights at zero"))
ax.set_ylabel(
    tr(
        es="cambio de la exactitud\n(puntos; desde −2, en logaritmo)",
        en="change in accuracy\n(points; below −2, logarithmic)",
    )
)
ax.set_title(
    tr(es="Lo que pierde respecto a la red entera", en="What it loses against the whole network")
)
ax.legend(loc="upper right")
plots.show(
    fig,
    alt=tr(
        es="Puntos de exactitud perdidos según la parte de pesos a cero: de golpe y sin reentrenar, la red pierde varios puntos con el 70 % y se hunde con el 90 %; reentrenando aguanta mucho más",
        en="Points of accuracy lost by the share of weights at zero: at once and without retraining, the network loses several points at 70 % and collapses at 90 %; retrained it holds much longer",
    ),
)
at_95 = next(row for row in rows if row["sparsity"] == 0.95 and row["way"] == "iterative")
compare(
    tr(
        es="puntos que se pierden con el 95 % a cero, poco a poco",
        en="points lost with 95 % at zero, little by little",
    ),
    predicted=points_lost_at_95,
    measured=max(0.0, -at_95["gap"]),
    unit=tr(es="puntos", en="points"),
    note=f"{at_95['gap']:+.1f} ± {at_95['half_interval']:.1f}".replace("-", "−"),
)

# %% [markdown] lang="es" row="51" slide="slide"
# Reentrenar lo cambia casi todo: con ello se quitan siete de cada diez pesos sin que apenas se note. Ir poco a poco gasta las mismas épocas y solo se distingue cuando se quita mucho. Es una sola semilla: no leas en esta figura diferencias más finas.
#
# ## ¿«Menos útil»?
#
# La diapositiva lo deja con signos de interrogación. Útil para qué, se puede medir: **cuánto sube la pérdida si lo quitas**. Hacerlo con cada peso cuesta una evaluación por peso; por eso se usan atajos:
#
# | criterio | puntuación | cuesta |
# |---|---|---|
# | azar | un número cualquiera | nada |
# | magnitud | $\lvert w \rvert$ | nada |
# | gradiente (Taylor) | $\lvert w \cdot \partial L / \partial w \rvert$: lo que cambiaría la pérdida si fuese una recta | una pasada hacia atrás |
# | pérdida real | $L(\text{sin } w) - L$ | una evaluación por peso |
#
# Tomamos pesos al azar de la primera capa (de píxeles que no son casi siempre negros), medimos lo que de verdad sube la pérdida con cada uno y miramos si los atajos **ordenan** igual (correlación de rangos de Spearman: 1 es el mismo orden, 0 es ninguno).
#
# **Predice:** ¿qué correlación tiene la magnitud con la **subida** de la pérdida real (con su signo)?
# %% [markdown] lang="en" row="51" slide="slide"
# Retraining changes nearly everything: with it, seven weights in ten can go and hardly be missed. Going little by little takes the same epochs and only makes a difference when much is removed. It is a single seed: do not read finer differences into this figure.
#
# ## "Least useful"?
#
# The slide leaves question marks beside it. But usefulness can be measured: **by how much the loss rises if you remove it**. Doing so with each weight costs one evaluation per weight; that is why shortcuts are used:
#
# | criterion | score | costs |
# |---|---|---|
# | random | any number | nothing |
# | magnitude | $\lvert w \rvert$ | nothing |
# | gradient (Taylor) | $\lvert w \cdot \partial L / \partial w \rvert$: what the loss would change if it were a straight line | one backward pass |
# | true loss | $L(\text{without } w) - L$ | one evaluation per weight |
#
# We take weights of the first layer at random (of pixels that are not nearly always black), measure by how much the loss really rises without each of them, and see whether the shortcuts **order** them alike (Spearman's rank correlation: 1 is the same order, 0 is none).
#
# **Predict:** what correlation does magnitude have with the **rise** of the true loss (with its sign)?

# %%
rank_correlation_of_magnitude = None


# %% slide="fragment"
def loss_of(net, x, y):
    with torch.no_grad():
        return nn.functional.cross_entropy(net(x), y).item()


def taylor(net, x, y):
    """-w · gradient of each weight, from one backward pass: by how much the loss would rise without it, if it were straight."""
    net.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    return [-(part * part.grad).detach() for part in matrices(net)]


def true_rises(net, pick, x, y):
    """How much the loss rises without each of the weights `pick` (flat indices) of the first layer."""
    first, base = matrices(net)[0].data.view(-1), loss_of(net, x, y)
    rises = []
    for index in pick:
        kept = first[index].item()
        first[index] = 0.0
        rises.append(loss_of(net, x, y) - base)
        first[index] = kept
    return np.array(rises)


measured_on = valid_images[:1000], valid_labels[:1000]
probe = copy_of(perceptron)
first = matrices(probe)[0].data
chance = np.random.default_rng(1)
# es: solo píxeles que se usan: los del borde son casi siempre negros, y sus pesos dan igual
# en: pixels in use alone: those of the border are nearly always black, and their weights do not matter
used = np.flatnonzero((images.flatten(1).mean(0) > 0.1).numpy())
pick = chance.integers(300, size=400) * 784 + chance.choice(used, 400)
rises = true_rises(probe, pick, *measured_on)
criteria = {
    "magnitude": first.abs().view(-1)[pick].numpy(),
    "taylor": taylor(probe, *measured_on)[0].abs().view(-1)[pick].numpy(),
    "signed": taylor(probe, *measured_on)[0].view(-1)[pick].numpy(),
    "random": chance.random(len(pick)),
}
CRITERIA = {
    "random": tr(es="azar", en="random"),
    "magnitude": tr(es="magnitud", en="magnitude"),
    "taylor": "Taylor",
    "loss": tr(es="pérdida real, con su signo", en="true loss, with its sign"),
    "change": tr(es="pérdida real, sin signo", en="true loss, without sign"),
}


def spearman(score, truth, draws=400):
    """Rank correlation with its bootstrap interval at 95 %."""
    again = np.random.default_rng(0)
    values = [
        spearmanr(score[i], truth[i]).statistic
        for i in again.integers(len(truth), size=(draws, len(truth)))
    ]
    return spearmanr(score, truth).statistic, *np.percentile(values, [2.5, 97.5])


rows = []
for truth_name, truth in (("rise", rises), ("change", np.abs(rises))):
    for name, score in criteria.items():
        if name == "signed" and truth_name == "change":
            continue
        middle, low, high = spearman(score, truth)
        rows.append(
            {"truth": truth_name, "criterion": name, "rho": middle, "low": low, "high": high}
        )
bench.record("06a/rank_agreement", rows, weights=len(pick))
tables.show(
    [
        {
            tr(es="criterio", en="criterion"): CRITERIA.get(
                row["criterion"], tr(es="Taylor, con su signo", en="Taylor, with its sign")
            ),
            tr(es="comparado con", en="compared with"): tr(
                es="subida de la pérdida", en="rise of the loss"
            )
            if row["truth"] == "rise"
            else tr(es="cambio, en valor absoluto", en="change, in absolute value"),
            tr(es="correlación de rangos", en="rank correlation"): row["rho"],
            tr(es="de (95 %)", en="from (95 %)"): row["low"],
            tr(es="a", en="to"): row["high"],
        }
        for row in rows
    ],
    caption=tr(
        es=f"{len(pick)} pesos: en {(rises < 0).mean():.0%} de ellos, quitarlo BAJA la pérdida",
        en=f"{len(pick)} weights: for {(rises < 0).mean():.0%} of them, removing it LOWERS the loss",
    ),
)
compare(
    tr(
        es="correlación de la magnitud con la subida real",
        en="correlation of magnitude with the true rise",
    ),
    predicted=rank_correlation_of_magnitude,
    measured=rows[0]["rho"],
    unit="",
)

# %% [markdown] lang="es" row="51" slide="subslide"
# Ninguno de los criterios sin signo ordena por la **subida**: quitar un peso grande mueve mucho la pérdida, pero casi la mitad de las veces **hacia abajo**. La recta con su signo sí la predice, porque un peso solo es un cambio pequeño; y sin signo, Taylor predice cuánto se mueve, mejor que la magnitud. Ojo con la conclusión: lo que baja la pérdida en *estas* fotos puede subirla en otras, y por eso en la práctica se usa el valor absoluto y se quita lo que **no la mueve**. Y se quitan miles a la vez, y los efectos no se suman. (¿Deja fuera el cero el intervalo de alguna fila del azar? Uno de cada veinte lo hace por casualidad: para eso está el azar en la tabla.) Lo que decide es la prueba completa: quitar con cada criterio y mirar qué queda. La pérdida real aquí va por **unidades** (400 en total), porque por pesos serían 266 000 evaluaciones.
#
# **Predice:** sin reentrenar, quitando la mitad de las unidades de cada capa, ¿con qué criterio acierta más la red?
# %% [markdown] lang="en" row="51" slide="subslide"
# None of the criteria without a sign predicts the order of the **rises**: removing a big weight moves the loss a lot, but nearly half of the time **downwards**. The straight line with its sign does predict it, because a single weight is a small change; and without the sign Taylor predicts how much it moves, better than magnitude. Be careful with the conclusion: what lowers the loss on *these* photos may raise it on others, and so in practice one uses the absolute value and removes what does **not move it**. And one removes thousands at once, and effects do not add up. (Does the interval of one of the random rows leave zero out? One in twenty does so by chance: that is what random scores are in the table for.) What decides is the whole test: remove by each criterion and see what is left. The true loss goes by **units** here (400 in all), because by weights it would be 266 000 evaluations.
#
# **Predict:** without retraining, if half of the units of each layer are removed, with which criterion is the network right most often?

# %%
# es: "random", "magnitude", "taylor", "loss" o "change"
# en: "random", "magnitude", "taylor", "loss" or "change"
best_criterion_at_half = None


# %% slide="fragment"
def unit_scores(net, criterion, x, y):
    """Score of each hidden unit, one array a layer. A unit's score is of the weights that go into it; the loss is measured."""
    layers = [layer for layer in net if isinstance(layer, nn.Linear)][:-1]
    if criterion == "random":
        return [torch.rand(len(layer.bias)) for layer in layers]
    if criterion == "magnitude":
        return [layer.weight.detach().norm(dim=1) for layer in layers]
    if criterion == "taylor":
        net.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        return [
            ((layer.weight * layer.weight.grad).sum(1) + layer.bias * layer.bias.grad)
            .detach()
            .abs()
            for layer in layers
        ]
    base, scores = loss_of(net, x, y), []
    for layer in layers:
        rises = torch.zeros(len(layer.bias))
        for unit in range(len(rises)):
            kept = layer.weight.data[unit].clone(), layer.bias.data[unit].clone()
            layer.weight.data[unit], layer.bias.data[unit] = 0, 0
            rises[unit] = loss_of(net, x, y) - base
            layer.weight.data[unit], layer.bias.data[unit] = kept
        scores.append(rises)
    return scores


def without_units(net, scores, sparsity):
    """A copy in which the fraction of units with the lowest scores of each layer gives zero."""
    copy = copy_of(net)
    layers = [layer for layer in copy if isinstance(layer, nn.Linear)][:-1]
    with torch.no_grad():
        for layer, score in zip(layers, scores, strict=True):
            gone = score.argsort()[: round(sparsity * len(score))]
            layer.weight[gone], layer.bias[gone] = 0, 0
    return copy


FRACTIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
few = images[:1000], labels[:1000]
torch.manual_seed(3)
# es: el azar, la media de cinco sorteos
# en: random: the mean of five draws
tries = {
    name: [unit_scores(copy_of(perceptron), name, *few) for _ in range(draws)]
    for name, draws in (("random", 5), ("magnitude", 1), ("taylor", 1), ("loss", 1))
}
tries["change"] = [[rise.abs() for rise in tries["loss"][0]]]
rows, hits_at_half = [], {}
for name, each in tries.items():
    for fraction in FRACTIONS:
        found = [
            fashion.hits(without_units(perceptron, score, fraction), test_images, test_labels)
            for score in each
        ]
        if fraction == 0.5:
            hits_at_half[name] = np.mean(found, axis=0)
        rows.append({"criterion": name, "fraction": fraction, "accuracy": 100 * np.mean(found)})
bench.record("06a/criteria", rows)
fig, ax = plots.subplots()
for name, text in CRITERIA.items():
    mine = [row["accuracy"] for row in rows if row["criterion"] == name]
    ax.errorbar(
        [f"{100 * f:.0f} %" for f in FRACTIONS],
        mine,
        # es: el error de las fotos; el del azar, además, cambia con el sorteo
        # en: the error of the photos; random changes with the draw as well
        yerr=[196 * np.sqrt(a * (100 - a) / 1e4 / len(test_labels)) for a in mine],
        fmt="o-",
        capsize=3,
        label=text,
    )
ax.set_xlabel(tr(es="unidades quitadas", en="units removed"))
ax.set_ylabel(tr(es="exactitud (%), intervalo del 95 %", en="accuracy (%), 95 % interval"))
ax.set_title(tr(es="Cinco maneras de decir «menos útil»", en='Five ways of saying "least useful"'))
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Exactitud según la parte de unidades quitadas, con cinco criterios, sin reentrenar: todas las curvas bajan y se cruzan, y la de la pérdida real medida de una en una no es la más alta",
        en="Accuracy by the share of units removed, for five criteria, without retraining: all the curves go down and cross, and that of the true loss, measured one unit at a time, is not the highest",
    ),
)
at_half = {row["criterion"]: row["accuracy"] for row in rows if row["fraction"] == 0.5}
best, second = sorted(at_half, key=at_half.get, reverse=True)[:2]
gaps = 100 * (hits_at_half[best] - hits_at_half[second])
lead_half = 1.96 * gaps.std(ddof=1) / np.sqrt(len(gaps))
lead, clear_lead = f"{gaps.mean():.1f} ± {lead_half:.1f}", gaps.mean() > lead_half
choose(
    tr(
        es="¿Qué criterio acierta más quitando la mitad?",
        en="Which criterion is right most often at half?",
    ),
    CRITERIA,
    best_criterion_at_half,
    right=best,
    why=", ".join(f"{CRITERIA[name]}: {value:.1f} %" for name, value in at_half.items())
    + tr(
        es=f". Ventaja sobre {CRITERIA[second]}, foto a foto: {lead} puntos.",
        en=f". Lead over {CRITERIA[second]}, photo by photo: {lead} points.",
    )
    + (
        ""
        if clear_lead
        else tr(
            es=" El intervalo contiene el cero: vale cualquiera de las dos.",
            en=" The interval contains zero: either of the two will do.",
        )
    ),
)

# %% [markdown] lang="es" row="51" slide="subslide"
# Mira dónde quedan las dos curvas de la pérdida **real** (donde coinciden, quitan las mismas unidades). Está medida con toda exactitud, pero **de una en una**, y aquí se quitan docenas a la vez: dos unidades que hacen lo mismo parecen prescindibles las dos, y al quitar ambas se pierde lo que hacían. Y la que respeta el signo quita primero las que, una a una, *bajan* la pérdida de mil fotos, que no son las que menos hacen. Por eso se quita poco a poco y se vuelve a medir. Tampoco hay «un» criterio que gane siempre: las curvas se cruzan, y cuando se quita mucho puede ganar hasta el azar. Si después se reentrena, además, las diferencias se acortan: [Mittal y otros (2018)](https://arxiv.org/abs/1801.10447) quitaron filtros al azar, entre la cuarta parte y la mitad, y tras reentrenar acertaban como con los mejores criterios.
#
# ### Un peso pequeño no es un peso inútil
#
# La misma red, con la mitad de los píxeles medidos **en otras unidades**: de 0 a 255 en vez de 0 a 1. Para que dé las mismas respuestas, los pesos de esos píxeles se dividen por 255. Es exactamente la misma función, escrita de otra manera.
#
# **Predice:** podando por magnitud la mitad de los pesos (sin reentrenar), ¿cuántos puntos menos acierta la segunda que la primera?
# %% [markdown] lang="en" row="51" slide="subslide"
# See where the two curves of the **true** loss end up (where they coincide, they remove the same units). It is measured exactly, but **one at a time**, and here dozens are removed at once: two units that do the same job both look dispensable, and removing both loses what they did. And the one that keeps the sign removes first those that, one by one, *lower* the loss of a thousand photos, which are not those that do least. That is why one removes little by little and measures again. Nor is there "one" criterion that always wins: the curves cross, and when much is removed even random may win. If one retrains afterwards, moreover, the differences shrink: [Mittal et al. (2018)](https://arxiv.org/abs/1801.10447) removed between a quarter and half of the filters at random, and after retraining were right as often as with the best criteria.
#
# ### A small weight is not a useless weight
#
# The same network, with half of the pixels measured **in other units**: from 0 to 255 instead of 0 to 1. So that it gives the same answers, those pixels' weights are divided by 255. It is exactly the same function, written in another way.
#
# **Predict:** pruning half of the weights by magnitude (without retraining), how many points fewer does the second one get than the first?

# %%
points_fewer_in_other_units = None

# %% slide="fragment"
units_of = torch.ones(784)
units_of[::2] = 255.0
twin = copy_of(perceptron)
with torch.no_grad():
    matrices(twin)[0].div_(units_of)


def in_units(x):
    return (x.flatten(1) * units_of).view_as(x)


with torch.no_grad():
    gap = (twin(in_units(test_images[:500])) - perceptron(test_images[:500])).abs().max().item()
print(
    tr(
        es=f"mayor diferencia entre las dos redes: {gap:.1e}",
        en=f"largest difference between the two networks: {gap:.1e}",
    )
)
rows = []
for name, net, change in (("0–1", perceptron, lambda x: x), ("0–1, 0–255", twin, in_units)):
    found = {
        "magnitude": [part.detach().abs() for part in matrices(net)],
        "taylor": [part.abs() for part in taylor(copy_of(net), change(few[0]), few[1])],
    }
    row = {"units": name, "whole": 100 * fashion.hits(net, change(test_images), test_labels).mean()}
    for criterion, score in found.items():
        cut = pruned_copy(net, masks_by(score, 0.5))
        row[criterion] = 100 * fashion.hits(cut, change(test_images), test_labels).mean()
    rows.append(row)
tables.show(
    bench.record("06a/units_of_inputs", rows),
    columns={
        "units": tr(es="píxeles en", en="pixels in"),
        "whole": tr(es="sin podar (%)", en="unpruned (%)"),
        "magnitude": tr(es="podada por magnitud (%)", en="pruned by magnitude (%)"),
        "taylor": tr(es="podada por Taylor (%)", en="pruned by Taylor (%)"),
    },
    formats={"whole": ".1f", "magnitude": ".1f", "taylor": ".1f"},
    caption=tr(
        es="La misma función en otras unidades, con la mitad de los pesos a cero",
        en="The same function in other units, with half of the weights at zero",
    ),
)
compare(
    tr(
        es="puntos menos en otras unidades, por magnitud",
        en="points fewer in other units, by magnitude",
    ),
    predicted=points_fewer_in_other_units,
    measured=rows[0]["magnitude"] - rows[1]["magnitude"],
    unit=tr(es="puntos", en="points"),
)

# %% [markdown] lang="es" row="51" slide="subslide"
# La magnitud depende de las unidades de las entradas (y, entre dos capas con ReLU, de cualquier factor que se pase de una a otra); $w \cdot \partial L/\partial w$ no, porque los dos factores se compensan. De aquí salen dos reglas prácticas: **normaliza las entradas** antes de podar por magnitud, y no compares magnitudes de capas con escalas distintas sin pensarlo.
#
# ## ¿Disperso es más pequeño y más rápido?
#
# La diapositiva promete las dos cosas: *lower memory footprint*, *increased inference speed*. Una matriz **densa** guarda los ceros y multiplica por ellos. Para aprovecharlos hay que guardarla de otra manera: CSR guarda solo los no nulos, cada uno con **su columna** (4 bytes más), y dónde empieza cada fila.
#
# **Predice:** ¿a partir de qué porcentaje de ceros ocupa menos CSR que la matriz densa? ¿Y a partir de cuál multiplica un vector más deprisa?
# %% [markdown] lang="en" row="51" slide="subslide"
# Magnitude depends on the units of the inputs (and, between two layers with a ReLU, on any factor moved from one to the other); $w \cdot \partial L/\partial w$ does not, because the two factors make up for each other. Two practical rules follow: **normalise the inputs** before pruning by magnitude, and do not compare magnitudes of layers with different scales without thinking.
#
# ## Is sparse smaller and faster?
#
# The slide promises both: *lower memory footprint*, *increased inference speed*. A **dense** matrix stores the zeros and multiplies by them. To take advantage of them it has to be stored in another way: CSR stores only the non-zeros, each with **its column** (4 more bytes), and where each row begins.
#
# **Predict:** from which percentage of zeros on does CSR take less room than the dense matrix? And from which one does it multiply a vector faster?

# %%
zeros_for_fewer_bytes = None
zeros_for_a_faster_vector = None

# %% row="52" slide="fragment"
SIZE = 1024
ZEROS = (0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
chance = np.random.default_rng(0)
dense = {}
for zeros in ZEROS:
    matrix = chance.normal(size=(SIZE, SIZE)).astype(np.float32)
    matrix[np.abs(matrix) < np.quantile(np.abs(matrix), zeros)] = 0
    dense[zeros] = matrix
sparse_of = {zeros: sp.csr_array(matrix) for zeros, matrix in dense.items()}
inputs = {
    1: chance.normal(size=SIZE).astype(np.float32),
    64: chance.normal(size=(SIZE, 64)).astype(np.float32),
}
sparse_races, rows = {}, []
for batch, x in inputs.items():
    contestants = {("dense", z): lambda m=m, x=x: m @ x for z, m in dense.items()}
    contestants |= {("csr", z): lambda m=m, x=x: m @ x for z, m in sparse_of.items()}
    sparse_races[batch] = race(contestants, rounds=rounds, min_seconds=0.004, cpu=True)
for zeros in ZEROS:
    csr = sparse_of[zeros]
    row = {
        "zeros": zeros,
        "bytes": (csr.data.nbytes + csr.indices.nbytes + csr.indptr.nbytes) / dense[zeros].nbytes,
        "gzip": model_size.disk({"w": dense[zeros][:256]})[1] / dense[zeros][:256].nbytes,
    }
    for batch, run in sparse_races.items():
        row[f"dense{batch}"] = run.ratio(("dense", zeros), ("dense", 0)).median
        row[f"csr{batch}"], *row[f"csr{batch}_interval"] = run.ratio(
            ("csr", zeros), ("dense", zeros)
        )
    rows.append(row)
bench.record("06a/sparse", rows, size=SIZE, rounds=rounds)


def crossing(key):
    """Percentage of zeros from which `key` is below 1, by straight lines between the measures (of the logarithm)."""
    x, y = np.array(ZEROS), np.log([row[key] for row in rows])
    below = np.flatnonzero(y <= 0)
    if not len(below) or below[0] == 0:
        return None
    i = below[0]
    return 100 * (x[i - 1] + (x[i] - x[i - 1]) * y[i - 1] / (y[i - 1] - y[i]))


percent = [100 * zeros for zeros in ZEROS]
fig, (left, right_ax) = plots.subplots(1, 2, figsize=(9.2, 3.8), sharex=True)
left.plot(percent, [row["bytes"] for row in rows], "o-", label="CSR")
left.plot(
    percent,
    [row["gzip"] for row in rows],
    "o-",
    label=tr(es="densa, con gzip", en="dense, gzipped"),
)
left.axhline(1, color=plots.FAINT, linewidth=1)
left.set_ylabel(tr(es="bytes, respecto a la densa", en="bytes, relative to dense"))
left.set_title(tr(es="Lo que ocupa", en="How much room it takes"))
left.legend()
for (batch, text), color in zip(
    (
        (1, tr(es="CSR, un vector", en="CSR, one vector")),
        (64, tr(es="CSR, lote de 64", en="CSR, batch of 64")),
    ),
    plots.PALETTE,
    strict=False,
):
    right_ax.plot(percent, [row[f"csr{batch}"] for row in rows], "o-", color=color, label=text)
right_ax.plot(
    percent,
    [row["dense1"] for row in rows],
    "s--",
    color=plots.PALETTE[2],
    label=tr(es="densa con ceros", en="dense with zeros"),
)
right_ax.axhline(1, color=plots.FAINT, linewidth=1)
right_ax.set_yscale("log")
right_ax.set_ylabel(tr(es="tiempo, respecto a la densa", en="time, relative to dense"))
right_ax.set_title(tr(es="Lo que tarda", en="How long it takes"))
right_ax.legend()
for ax in (left, right_ax):
    ax.set_xlabel(tr(es="ceros (%)", en="zeros (%)"))
plots.show(
    fig,
    alt=tr(
        es="A la izquierda, los bytes de CSR bajan en línea recta desde dos veces la densa y cruzan el uno en el 50 % de ceros. A la derecha, el tiempo de la densa no cambia con los ceros; CSR es mucho más lenta con pocos y solo gana cuando casi todo son ceros",
        en="On the left, CSR's bytes go down in a straight line from twice the dense ones and cross one at 50 % of zeros. On the right, the time of the dense one does not change with the zeros; CSR is much slower with few and only wins when nearly all are zeros",
    ),
)
found = {key: crossing(key) for key in ("bytes", "csr1", "csr64")}
for text, predicted, key in (
    (
        tr(es="ceros para que CSR ocupe menos", en="zeros for CSR to take less room"),
        zeros_for_fewer_bytes,
        "bytes",
    ),
    (
        tr(es="ceros para que un vector vaya más deprisa", en="zeros for a faster vector"),
        zeros_for_a_faster_vector,
        "csr1",
    ),
):
    if found[key] is not None:
        compare(text, predicted=predicted, measured=found[key], unit="%")
if found["csr64"] is not None:
    print(
        tr(
            es=f"Con un lote de 64, a partir del {found['csr64']:.0f} % de ceros.",
            en=f"With a batch of 64, from {found['csr64']:.0f} % of zeros on.",
        )
    )

# %% [markdown] lang="es" row="52" slide="subslide"
# - El umbral de los **bytes** es una cuenta: 8 bytes por no nulo contra 4 por número, así que la mitad. Con valores de 8 bits y columnas de 32 haría falta un 80 %.
# - El del **tiempo** lo ponen el hardware y la biblioteca: la densa lee la memoria en orden y con instrucciones vectoriales; CSR salta de columna en columna. Busca en tu figura dónde queda el 90 % de ceros de nuestra red; y eso si alguien la convierte a CSR, que el motor no lo hace solo, y si el tiempo se le fuera en matrices como esta y no en convoluciones.
# - Solo `gzip` encoge el archivo denso: sirve para **distribuir** el modelo, no para ejecutarlo.
# - Por eso el hardware pide **estructura**. Las GPU de NVIDIA desde 2020 aceleran [un patrón fijo](https://arxiv.org/abs/2104.08378), dos ceros de cada cuatro; y aun así vLLM [lo retiró en 2026](https://github.com/vllm-project/vllm/pull/36799) porque casi nadie lo usaba. Quitar unidades enteras no le pide nada a nadie.
# %% [markdown] lang="en" row="52" slide="subslide"
# - The threshold of the **bytes** is simple arithmetic: 8 bytes per non-zero against 4 per number, hence half. With 8-bit values and 32-bit columns it would take 80 %.
# - That of the **time** is set by the hardware and the library: the dense one reads memory in order and with vector instructions; CSR jumps from column to column. Look in your figure for where our network's 90 % of zeros lies; and that is if somebody converts it to CSR, which the engine does not do by itself, and if its time went into matrices like this one and not into convolutions.
# - Only `gzip` shrinks the dense file: it is useful to **distribute** the model, not to run it.
# - That is why hardware asks for **structure**. NVIDIA's GPUs since 2020 speed up [one fixed pattern](https://arxiv.org/abs/2104.08378), two zeros in each four; and even so vLLM [removed it in 2026](https://github.com/vllm-project/vllm/pull/36799) because hardly anybody used it. Removing whole units asks nothing of anybody.

# %% [markdown] lang="es" row="53" slide="slide"
# ## Podar para buscar una arquitectura
#
# La última diapositiva sobre la poda dice que sirve para buscar arquitecturas: si al podar quedan 40 unidades en una capa y 9 en otra, quizá **esa forma** sea lo valioso, más que los pesos que sobrevivieron. Es la pregunta de [Liu y otros (2019)](https://arxiv.org/abs/1810.05270), y se responde con controles. Con cada semilla se entrena una red de tres capas ocultas iguales, se podan sus unidades (las de menor Taylor, todas las capas juntas) y se comparan, con **las mismas épocas en total**:
#
# 1. **conservar**: la podada con sus pesos, reentrenada;
# 2. **desde cero**: la misma forma, con pesos nuevos;
# 3. **al azar**: otra forma, sorteada, con el mismo número de parámetros o pocos menos, desde cero;
# 4. **uniforme**: todas las capas igual de anchas, los mismos parámetros o pocos menos, desde cero.
#
# **Predice:** ¿cuántos puntos de ventaja le saca «conservar» a «desde cero»? (Negativo si crees que pierde.)
# %% [markdown] lang="en" row="53" slide="slide"
# ## Pruning to search for an architecture
#
# The last slide on pruning says that it can be used for architecture search: if pruning leaves 40 units in one layer and 9 in another, perhaps **that shape** is what is valuable, more than the weights that survived. It is the question of [Liu et al. (2019)](https://arxiv.org/abs/1810.05270), and controls answer it. For each seed, a network with three equal hidden layers is trained, its units are pruned (those of lowest Taylor, all layers together), and these are compared, with **the same epochs in all**:
#
# 1. **keep**: the pruned one with its weights, retrained;
# 2. **from scratch**: the same shape, with new weights;
# 3. **random**: another shape, drawn at random, with the same number of parameters or slightly fewer, from scratch;
# 4. **uniform**: all layers equally wide, as many parameters or slightly fewer, from scratch.
#
# **Predict:** by how many points is "keep" ahead of "from scratch"? (Negative if you think that it is behind.)

# %%
points_keep_over_scratch = None


# %% slide="fragment"
INPUTS, WIDTH, LAYERS, KEEP = 196, 48, 3, 0.3
# es: fotos de 14×14: lo bastante pequeñas para entrenar treinta redes aquí mismo
# en: photos of 14×14: small enough to train some thirty networks right here
small_images = nn.functional.avg_pool2d(images[:5000], 2)
small_labels = labels[:5000]
small_test = nn.functional.avg_pool2d(test_images, 2)


def count(widths):
    """Parameters of a perceptron with these hidden widths."""
    sizes = [INPUTS, *widths, 10]
    return sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))


def learn(net, epochs, seed):
    return fashion.train(
        net, small_images, small_labels, epochs=epochs, seed=seed, rate=6e-3, batch=100
    )


def keep_best_units(net):
    """The network without the units of lowest Taylor score (layers together); at least two a layer stay."""
    net.zero_grad()
    nn.functional.cross_entropy(net(small_images[:1000]), small_labels[:1000]).backward()
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    scores = [
        ((l.weight * l.weight.grad).sum(1) + l.bias * l.bias.grad).detach().abs()
        for l in linear[:-1]
    ]
    border = torch.cat(scores).sort().values[int((1 - KEEP) * sum(map(len, scores)))]
    for i, score in enumerate(scores):
        keep = score >= max(min(border, score.sort().values[-2]), 0)
        linear[i], linear[i + 1] = remove_units(linear[i], linear[i + 1], keep)
    layers = [nn.Flatten()]
    for layer in linear:
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1]), [layer.out_features for layer in linear[:-1]]


def fit_to(shape, budget):
    """Widths in the proportions `shape` with as many parameters as fit in `budget`."""
    scale = max(
        s
        for s in np.linspace(0.5, 120, 2000)
        if count(np.maximum(2, np.round(s * shape)).astype(int)) <= budget
    )
    return [int(w) for w in np.maximum(2, np.round(scale * shape))]


def new(widths, seed):
    torch.manual_seed(1000 + seed)
    return fashion.mlp(*widths, inputs=INPUTS)


BEFORE, AFTER = 6, 6
WAYS_53 = {
    "keep": tr(es="conservar", en="keep"),
    "scratch": tr(es="desde cero", en="from scratch"),
    "random": tr(es="al azar", en="random"),
    "uniform": tr(es="uniforme", en="uniform"),
}
results, shapes = {way: [] for way in WAYS_53}, []
for seed in tqdm(range(seeds), desc=tr(es="semillas", en="seeds"), leave=False):
    big = learn(new([WIDTH] * LAYERS, seed), BEFORE, seed)
    kept, widths = keep_best_units(big)
    budget, lot = count(widths), np.random.default_rng(seed)
    shapes.append(widths)
    contestants = {
        "keep": learn(kept, AFTER, seed),
        "scratch": learn(new(widths, seed), BEFORE + AFTER, seed),
        "random": learn(
            new(fit_to(lot.dirichlet(np.ones(LAYERS)) + 0.15, budget), seed), BEFORE + AFTER, seed
        ),
        "uniform": learn(new(fit_to(np.ones(LAYERS), budget), seed), BEFORE + AFTER, seed),
    }
    for way, net in contestants.items():
        results[way].append(100 * fashion.hits(net, small_test, test_labels).mean())
rows = []
for way, text in WAYS_53.items():
    gaps = np.array(results[way]) - np.array(results["scratch"])
    half_width = student.ppf(0.975, seeds - 1) * gaps.std(ddof=1) / np.sqrt(seeds)
    rows.append(
        {
            "way": text,
            "mean": np.mean(results[way]),
            "sd": np.std(results[way], ddof=1),
            "gap": None if way == "scratch" else gaps.mean(),
            "low": None if way == "scratch" else gaps.mean() - half_width,
            "high": None if way == "scratch" else gaps.mean() + half_width,
        }
    )
tables.show(
    bench.record("06a/architecture", rows, seeds=seeds, shapes=shapes),
    columns={
        "way": tr(es="red", en="network"),
        "mean": tr(es="exactitud media (%)", en="mean accuracy (%)"),
        "sd": tr(es="desviación típica", en="standard deviation"),
        "gap": tr(es="menos «desde cero» (puntos)", en='minus "from scratch" (points)'),
        "low": tr(es="de (95 %)", en="from (95 %)"),
        "high": tr(es="a", en="to"),
    },
    formats={"mean": ".2f", "sd": ".2f", "gap": "+.2f", "low": "+.2f", "high": "+.2f"},
    caption=tr(
        es=f"{seeds} semillas, por parejas (t de Student). Formas que deja la poda: {', '.join('-'.join(map(str, s)) for s in shapes[:3])}…",
        en=f"{seeds} seeds, paired (Student's t). Shapes that pruning leaves: {', '.join('-'.join(map(str, s)) for s in shapes[:3])}…",
    ),
)
compare(
    tr(es="ventaja de conservar sobre desde cero", en="lead of keep over from scratch"),
    predicted=points_keep_over_scratch,
    measured=rows[0]["gap"],
    unit=tr(es="puntos", en="points"),
)
for row in rows:
    if row["gap"] is not None:
        clear = row["low"] > 0 or row["high"] < 0
        verdict = (
            tr(es="se distingue de «desde cero»", en='can be told from "from scratch"')
            if clear
            else tr(
                es="con estas semillas no se distingue de «desde cero»",
                en='cannot be told from "from scratch" with these seeds',
            )
        )
        print(f"{row['way']}: {verdict}")

# %% [markdown] lang="es" row="53" slide="subslide"
# Lee solo lo que dicen los intervalos. Si «conservar» no se distingue de «desde cero», no hay pruebas de que los pesos que sobrevivieron fuesen lo importante **aquí** (ni de lo contrario). Si gana, mira el extremo más bajo de su intervalo, que es lo que puedes prometer, y recuerda lo que cuesta: las épocas son las mismas, pero la mitad de las suyas fueron de la red grande, que hace muchas más operaciones. Si además la forma podada gana a las sorteadas pero no a la uniforme, la poda no ha encontrado nada mejor que repartir por igual, que es poca búsqueda para tanto trabajo. Y cada intervalo que contiene el cero es un «no lo sé»: con más semillas (`seeds`) se estrecha: cuatro veces más, a la mitad.
# %% [markdown] lang="en" row="53" slide="subslide"
# Read only what the intervals say. If "keep" cannot be told from "from scratch", there is no evidence that the weights that survived were what mattered **here** (nor that they were not). If it wins, look at the lower end of its interval, which is what you can promise, and remember what it costs: the epochs are the same, but half of its epochs were spent on the big network, which does many more operations. If, besides, the pruned shape beats the random ones but not the uniform one, pruning has found nothing better than an even split, which is not much of a search for so much work. And each interval that contains zero is an "I do not know": with more seeds (`seeds`) it narrows: four times as many, half as wide.

# %% [markdown] lang="es" row="42-45 48-53" slide="slide"
# ## Mil veces más grande
#
# | aquí | con un modelo mil veces mayor |
# |---|---|
# | los pesos de la red convolucional caben en la caché, y casi todo es cálculo | los pesos no caben: generar texto es **leer pesos de la memoria**, y 4 bits en vez de 16 pueden ser casi cuatro veces más deprisa aunque después se calcule en 16 |
# | una escala por canal basta | valores atípicos enormes en unos pocos canales: escalas por grupos de 32 a 128 pesos, y [algunos canales aparte](https://arxiv.org/abs/2208.07339) |
# | reentrenar después de podar cuesta segundos | reentrenar cuesta millones: se cuantiza **después** de entrenar, con unas pocas fotos o frases de calibración, y se poda poco |
# | se prueba todo y se mira la tabla | una prueba completa cuesta horas: se ensaya en una capa o en un modelo pequeño, y se comprueba una vez en el grande |
# | la exactitud se mide entera, en 3000 fotos | medio punto menos puede concentrarse en [unas pocas clases](https://arxiv.org/abs/1911.05248), un idioma o un grupo de clientes: hay que mirar por partes, no solo la media |
# | un procesador | una flota: hay que medir en la máquina más vieja que quede, la que no tiene VNNI |
#
# Lo que no cambia: las tres monedas (bytes, MAC, milisegundos) no se convierten unas en otras, la comparación va por parejas y con su intervalo, y sin control no hay mérito.
# %% [markdown] lang="en" row="42-45 48-53" slide="slide"
# ## A thousand times bigger
#
# | here | with a model a thousand times bigger |
# |---|---|
# | the convolutional network's weights fit in the cache, and nearly all the time is computation | the weights do not fit: generating text is **reading weights from memory**, and 4 bits instead of 16 can be nearly four times as fast even if one computes in 16 afterwards |
# | one scale per channel is enough | huge outliers in a few channels: scales for groups of 32 to 128 weights, and [some channels kept apart](https://arxiv.org/abs/2208.07339) |
# | retraining after pruning costs seconds | retraining costs millions: one quantizes **after** training, with a few photos or sentences for calibration, and prunes little |
# | everything is tried, and the table decides | a full test costs hours: one rehearses on a layer or a small model, and checks once on the big one |
# | accuracy is measured as a whole, on 3000 photos | half a point less may concentrate in [a few classes](https://arxiv.org/abs/1911.05248), one language or one group of customers: one has to look at each part, not at the mean alone |
# | one processor | a fleet: one has to measure on the oldest machine that is left, the one without VNNI |
#
# What does not change: the three currencies (bytes, MACs, milliseconds) do not convert into each other, comparisons are paired and come with an interval, and without a control there is no merit.

# %% [markdown] lang="es" slide="skip"
# Ahora te toca a ti: en los ejercicios escribirás el cuantizador, la poda por magnitud con su máscara y la red que encoge de verdad. La lección siguiente sigue con las otras dos familias, destilación y factorización, y con un caso real que encadena varias técnicas.
#
# **Para leer más:** Han y otros, [*Deep Compression*](https://arxiv.org/abs/1510.00149) (2015); Jacob y otros, [cuantización para inferencia con enteros](https://arxiv.org/abs/1712.05877) (2017); Liu y otros, [*Rethinking the Value of Network Pruning*](https://arxiv.org/abs/1810.05270) (2019); la [guía de cuantización de ONNX Runtime](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/python/tools/quantization/README.md).
# %% [markdown] lang="en" slide="skip"
# Now it is your turn: in the exercises you will write the quantizer, magnitude pruning with its mask, and the network that really shrinks. The next lesson goes on with the other two families, distillation and factorization, and with a real case that chains several techniques.
#
# **Further reading:** Han et al., [*Deep Compression*](https://arxiv.org/abs/1510.00149) (2015); Jacob et al., [quantization for integer-only inference](https://arxiv.org/abs/1712.05877) (2017); Liu et al., [*Rethinking the Value of Network Pruning*](https://arxiv.org/abs/1810.05270) (2019); [ONNX Runtime's guide to quantization](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/python/tools/quantization/README.md).
