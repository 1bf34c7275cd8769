# ---
# title:
#   es: "Modelos más pequeños (II): destilar, factorizar y un caso real"
#   en: "Making models smaller (II): distillation, factorization and a case study"
# unit: "06b"
# minutes: 110
# ---

# %% [markdown] lang="es" slide="slide"
# # Modelos más pequeños (II): destilar, factorizar y un caso real
#
# Las dos familias de la primera parte (cuantizar y podar) parten de un modelo que ya existe y lo recortan. Las dos de esta **cambian de modelo**: destilar entrena uno pequeño para que imite a uno grande, y factorizar reescribe una capa como producto de otras más baratas. Al final, destilar y cuantizar se juntan con otros recursos (quitar el relleno, un motor mejor, una caché) en una escalera como la que montó Roblox para servir BERT en CPU.
#
# Al terminar sabrás:
#
# 1. **(6b.1)** destilar: escribir la pérdida, decir qué hacen la temperatura y el peso, y compararla siempre con su **control**, el mismo alumno sin profesor;
# 2. **(6b.2)** contar lo que cuesta destilar, también cuando profesor y alumno no se parecen en nada;
# 3. **(6b.3)** encontrar los filtros que son separables, y los que no;
# 4. **(6b.4)** factorizar una capa con un presupuesto de bytes, y saber cuándo no compensa;
# 5. **(6b.5)** contar y cronometrar convoluciones separables en profundidad;
# 6. **(6b.6)** montar y leer una escalera de factores, con una línea base honrada.
#
# **Tiempo:** algo menos de dos horas; las celdas tardan en total uno o dos minutos, según la máquina. **Qué se ejecuta:** todo en tu CPU, sin Internet. Los modelos de texto vienen ya entrenados por [un programa del curso](../../datasets/word_order/README.md); con `train_live = True` se vuelve a entrenar uno delante de ti.
# %% [markdown] lang="en" slide="slide"
# # Making models smaller (II): distillation, factorization and a case study
#
# The two families of the first part (quantization and pruning) start from a model that exists and trim it. The two of this one **change the model**: distillation trains a small one to imitate a big one, and factorization rewrites a layer as a product of cheaper ones. At the end, distillation and quantization come together with other means (no padding, a better engine, a cache) in a ladder like the one that Roblox built to serve BERT on CPUs.
#
# When you finish you will be able to:
#
# 1. **(6b.1)** distil: write the loss, say what the temperature and the weight do, and always compare it with its **control**, the same student without a teacher;
# 2. **(6b.2)** count what distillation costs, also when teacher and student have nothing in common;
# 3. **(6b.3)** find the filters that are separable, and those that are not;
# 4. **(6b.4)** factorize a layer under a budget of bytes, and know when it does not pay;
# 5. **(6b.5)** count and time depthwise separable convolutions;
# 6. **(6b.6)** build and read a ladder of factors, with a fair baseline.
#
# **Time:** somewhat less than two hours; the cells take a minute or two in all, depending on the machine. **What runs:** everything on your CPU, without the Internet. The text models come already trained by [a program of the course](../../datasets/word_order/README.md); with `train_live = True` one of them is trained again while you watch.

# %% tags=["parameters"]
# es: semillas de cada comparación (particiones y pesos iniciales distintos)
# en: seeds of each comparison (other splits and other initial weights)
seeds = 5
# es: vueltas de cada carrera de tiempos
# en: rounds of each race of times
rounds = 11
# es: peticiones de la traza que llega a la caché
# en: requests in the trace that reaches the cache
requests = 2500
# es: volver a entrenar aquí el alumno de texto, en vez de leerlo (alrededor de un minuto)
# en: train the text student here again, instead of reading it (about a minute)
train_live = False

# %% slide="skip"
import json
import logging
import math
import os
import pickle
import random
import warnings
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle, islice
from time import process_time

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from scipy import signal, stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from mlprod import bench, plots, start, tables, tr
from mlprod.predictions import choose, compare
from mlprod.systems import word_order, word_order_model
from mlprod.systems.race import race
from mlprod.systems.workspace import workspace

start(LANG)
open_until_the_end = ExitStack()
torch.set_num_threads(1)
# es: lo mismo para NumPy y scikit-learn: con dos hilos no se sabría quién gasta qué
# en: the same for NumPy and scikit-learn: with two threads nobody would know who spends what
limits = threadpool_limits(1)


def interval(values):
    """(mean, half the width of its 95 % interval) over seeds, by Student's t."""
    values = np.asarray(values, dtype=float)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(half)


def plus_minus(values, digits=1):
    """A mean and its interval, as it is read: "+1.2 ± 0.4"."""
    mean, half = interval(values)
    return f"{mean:+.{digits}f} ± {half:.{digits}f}".replace("-", "−")


# %% [markdown] lang="es" row="46" slide="slide"
# ## Destilar: qué dice un profesor que no diga la etiqueta
#
# Una etiqueta dice «es un 3». Un modelo dice «es un 3, aunque tiene algo de 9 y nada de 1». Ese *algo de 9* es lo que se destila: un modelo pequeño (el **alumno**) aprende a repetir las probabilidades de uno grande (el **profesor**), y no solo la respuesta ([Hinton, Vinyals y Dean, 2015](https://arxiv.org/abs/1503.02531)).
#
# El problema es que una buena red está muy segura: casi toda la probabilidad va a una clase, y el resto no se ve. Por eso se mira a una **temperatura** $T$: se dividen los logits entre $T$ antes del softmax. No todos los profesores la necesitan: un bosque aleatorio ya responde con dudas, porque sus árboles votan. (Tampoco tiene logits, pero valen los logaritmos de sus probabilidades.) A los dos se les pregunta por dígitos que **no han visto**.
# %% [markdown] lang="en" row="46" slide="slide"
# ## Distillation: what a teacher says and a label does not
#
# A label says "it is a 3". A model says "it is a 3, although there is some 9 in it and no 1 at all". That *some 9* is what is distilled: a small model (the **student**) learns to repeat the probabilities of a big one (the **teacher**), and not just its answer ([Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531)).
#
# The trouble is that a good network is very sure: nearly all of the probability goes to one class, and the rest cannot be seen. That is why one looks at it at a **temperature** $T$: the logits are divided by $T$ before the softmax. Not every teacher needs it: a random forest is full of doubts as it is, because its trees vote. (It has no logits, either, but the logarithms of its probabilities will do.) Both are asked about digits that they **have not seen**.

# %% slide="fragment"
pixels, digits = load_digits(return_X_y=True)
pixels = (pixels / 16).astype(np.float32)


def logits_of(teacher, x, least=1e-3):
    """Logits (n, 10) of any classifier that gives probabilities; `least` stands for what it calls impossible."""
    found = np.full((len(x), 10), least)
    found[:, teacher.classes_] = np.clip(teacher.predict_proba(x), least, 1)
    return torch.tensor(np.log(found), dtype=torch.float32)


def softened(logits, temperature):
    return F.softmax(logits / temperature, dim=-1).numpy()


middle = len(pixels) // 2
teachers = {
    tr(es="red", en="network"): MLPClassifier(128, max_iter=80, random_state=0),
    tr(es="bosque", en="forest"): RandomForestClassifier(200, random_state=0),
}
with warnings.catch_warnings():
    # es: scikit-learn avisa de que la red podría entrenarse más; para mirarla, basta
    # en: scikit-learn warns that the network could be trained longer; to look at it, this will do
    warnings.simplefilter("ignore")
    answers = {
        name: logits_of(teacher.fit(pixels[:middle], digits[:middle]), pixels[middle:], 1e-9)
        for name, teacher in teachers.items()
    }
tables.show(
    [
        {
            "T": T,
            **{
                tr(es=f"{name}: 1.ª clase, mediana", en=f"{name}: 1st class, median"): float(
                    np.median(softened(told, T).max(1))
                )
                for name, told in answers.items()
            },
            **{
                tr(es=f"{name}: entropía (bits)", en=f"{name}: entropy (bits)"): float(
                    np.mean(stats.entropy(softened(told, T), base=2, axis=1))
                )
                for name, told in answers.items()
            },
        }
        for T in (1, 2, 4, 8, 100)
    ],
    caption=tr(
        es="Las respuestas de dos profesores a distintas temperaturas: probabilidad de la clase preferida y entropía media (diez clases por igual: 3.32 bits)",
        en="The answers of two teachers at different temperatures: probability of the favourite class, and mean entropy (ten classes alike: 3.32 bits)",
    ),
)

# %% slide="fragment" tags=["hide-input"]
told = next(iter(answers.values()))
surest = softened(told, 1).max(1)
# es: uno del que la red está segura, uno del montón y uno que la hace dudar
# en: one that the network is sure about, one of the many, and one that makes it hesitate
shown = [np.argsort(surest)[int(q * (len(surest) - 1))] for q in (0.9, 0.3, 0.02)]
fig, axes = plots.subplots(
    2, 3, sharey="row", figsize=(8.4, 3.6), gridspec_kw={"height_ratios": [1, 1.3]}
)
for column, index in enumerate(shown):
    axes[0, column].imshow(pixels[middle + index].reshape(8, 8), cmap="gray_r")
    axes[0, column].axis("off")
    axes[0, column].set_title(
        tr(es=f"etiqueta: {digits[middle + index]}", en=f"label: {digits[middle + index]}"),
        fontsize=10,
    )
    for shift, T in ((-0.2, 1), (0.2, 4)):
        axes[1, column].bar(
            np.arange(10) + shift, softened(told[index], T), width=0.4, label=f"T = {T}"
        )
    axes[1, column].set_xticks(range(10))
    axes[1, column].set_ylim(0, 1)
    axes[1, column].set_xlabel(tr(es="clase", en="class"))
axes[1, 0].set_ylabel(tr(es="probabilidad", en="probability"))
axes[1, 2].legend(loc="upper right")
plots.show(
    fig,
    alt=tr(
        es="Tres dígitos y las probabilidades de la red. Del primero está segura; del tercero duda entre varias clases. Con T = 4 se ven las clases parecidas que con T = 1 casi no aparecían.",
        en="Three digits and the network's probabilities. It is sure of the first; about the third it wavers between several classes. At T = 4 the similar classes show that at T = 1 hardly appeared.",
    ),
)

# %% [markdown] lang="es" row="46" slide="slide"
# ### La pérdida
#
# $$L = \alpha \, T^2 \, \mathrm{KL}\big(p_T \,\|\, q_T\big) + (1-\alpha) \, \mathrm{CE}(y, q_1)$$
#
# $p_T$ y $q_T$ son las probabilidades del profesor y del alumno a temperatura $T$; $\mathrm{KL}$, la divergencia de Kullback y Leibler, mide cuánto se aparta el segundo del primero; $\alpha$ es el peso de lo que dice el profesor, y la entropía cruzada $\mathrm{CE}$ con la etiqueta $y$ va siempre a temperatura 1. ¿Por qué $T^2$? Porque la derivada respecto a los logits del alumno es $(q_T - p_T)/T$, y a temperatura alta la diferencia $q_T - p_T$ encoge como $1/T$: en total, $1/T^2$.
#
# **Predice:** sin el factor $T^2$, ¿por cuánto se divide el gradiente de la parte blanda al pasar de $T=2$ a $T=8$?
# %% [markdown] lang="en" row="46" slide="slide"
# ### The loss
#
# $$L = \alpha \, T^2 \, \mathrm{KL}\big(p_T \,\|\, q_T\big) + (1-\alpha) \, \mathrm{CE}(y, q_1)$$
#
# $p_T$ and $q_T$ are the probabilities of teacher and student at temperature $T$; $\mathrm{KL}$, the Kullback–Leibler divergence, measures how far the second is from the first; $\alpha$ is the weight of what the teacher says, and the cross-entropy $\mathrm{CE}$ with the label $y$ is always at temperature 1. Why $T^2$? Because the derivative with respect to the student's logits is $(q_T - p_T)/T$, and at a high temperature the difference $q_T - p_T$ shrinks like $1/T$: in all, $1/T^2$.
#
# **Predict:** without the factor $T^2$, by how much is the gradient of the soft part divided when going from $T=2$ to $T=8$?

# %%
times_smaller = None


# %% slide="fragment"
def soft_loss(student, teacher, T):
    """KL(teacher || student) of each example at temperature T, times T squared. Logits (n, classes) -> (n,)."""
    p = F.log_softmax(teacher.detach() / T, dim=-1)
    q = F.log_softmax(student / T, dim=-1)
    return T * T * (p.exp() * (p - q)).sum(-1)


def distillation_loss(student, teacher, labels, T, alpha):
    """Mean loss. A label of -1 means that there is none: that example is learnt from the teacher alone."""
    labelled = labels >= 0
    hard = F.cross_entropy(student, labels.clamp(min=0), reduction="none")
    weight = torch.where(labelled, alpha, 1.0)
    return (weight * soft_loss(student, teacher, T) + (1 - weight) * hard).mean()


def gradient_norm(loss, logits):
    return float(torch.autograd.grad(loss, logits)[0].norm())


chance = torch.Generator().manual_seed(0)
student_logits = torch.randn(64, 10, generator=chance).requires_grad_()
teacher_logits = 2 * torch.randn(64, 10, generator=chance)
norms = {
    T: gradient_norm(soft_loss(student_logits, teacher_logits, T).mean(), student_logits)
    for T in (1, 2, 4, 8, 32)
}
tables.show(
    bench.record(
        "06b/temperature",
        [
            {
                "T": T,
                tr(es="con `T²`", en="with `T²`"): norm,
                tr(es="sin `T²`", en="without `T²`"): norm / T**2,
            }
            for T, norm in norms.items()
        ],
    ),
    caption=tr(
        es="Norma del gradiente de la parte blanda respecto a los logits del alumno",
        en="Norm of the soft part's gradient with respect to the student's logits",
    ),
)
compare(
    tr(
        es="de T = 2 a T = 8, sin T², el gradiente se divide por",
        en="from T = 2 to T = 8, without T², the gradient is divided by",
    ),
    predicted=times_smaller,
    measured=(norms[2] / 4) / (norms[8] / 64),
    unit="×",
)

# %% [markdown] lang="es" row="46" slide="subslide"
# Sin $T^2$, cambiar la temperatura cambia también cuánto pesa el profesor, y ya no sabes cuál de las dos cosas estás probando. Con él, $\alpha$ significa casi lo mismo a cualquier temperatura (a las bajas, solo más o menos: depende de lo grandes que sean los logits). Hay bibliotecas que llevan el $T^2$ y otras que no: mira cuál es la tuya antes de copiar un $\alpha$ de un artículo.
#
# ## El control
#
# Casi todo lo que se cuenta de la destilación compara al alumno **con su profesor**. La pregunta útil es otra: ¿qué habría aprendido el **mismo** alumno, con los mismos pasos, **sin** profesor? Probamos una red con una capa oculta de 32 neuronas, con pocas y con muchas etiquetas, y cuatro maneras de entrenarla:
#
# - **solo etiquetas**: el control;
# - **suavizado**: un profesor que no sabe nada; da algo más de 0.9 a la etiqueta y reparte el resto por igual. Si ayuda, no es por conocimiento;
# - **profesor propio**: un bosque entrenado con esas mismas etiquetas, que responde además sobre los ejemplos sin etiquetar;
# - **profesor ajeno**: un bosque entrenado con **todas** las etiquetas, a las que tú no tienes acceso, que también responde sobre los no etiquetados.
#
# En las dos últimas, $T=1$ (un bosque ya responde con dudas) y $\alpha=0.7$ en los ejemplos con etiqueta; en los que no la tienen, todo viene del profesor.
#
# **Predice:** con 30 etiquetas, ¿cuántos puntos de exactitud aporta el profesor ajeno? ¿Y con todas?
# %% [markdown] lang="en" row="46" slide="subslide"
# Without $T^2$, changing the temperature also changes how much the teacher weighs, and you no longer know which of the two you are testing. With it, $\alpha$ means nearly the same at any temperature (at low ones, only more or less: it depends on how large the logits are). Some libraries include the $T^2$ and others do not: check which kind yours is before you copy an $\alpha$ from a paper.
#
# ## The control
#
# Nearly everything that is said about distillation compares the student **with its teacher**. The useful question is a different one: what would the **same** student have learnt, in the same steps, **without** a teacher? We try a network with one hidden layer of 32 neurons, with few and with many labels, and four ways of training it:
#
# - **labels only**: the control;
# - **smoothing**: a teacher that knows nothing; it gives a little over 0.9 to the label and shares the rest out equally. If it helps, it is not by knowledge;
# - **own teacher**: a forest trained on those same labels, which also answers about the unlabelled examples;
# - **outside teacher**: a forest trained on **all** labels, to which you have no access, and which also answers about the unlabelled ones.
#
# In the last two, $T=1$ (a forest is full of doubts as it is) and $\alpha=0.7$ on the labelled examples; on those without a label, everything comes from the teacher.
#
# **Predict:** with 30 labels, how many points of accuracy does the outside teacher add? And with all of them?

# %%
points_with_30_labels = None
points_with_all_labels = None


# %% slide="fragment"
def a_student(seed, hidden=32):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def train_student(x, labels, teacher=None, *, T=1.0, alpha=0.7, seed=0, steps=75, hidden=32):
    """The student after as many steps of Adam on all of `x` at once; with `teacher` logits, by the distillation loss."""
    student = a_student(seed, hidden)
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    optimiser = torch.optim.Adam(student.parameters(), lr=2e-2, weight_decay=1e-4, fused=True)
    for _ in range(steps):
        optimiser.zero_grad()
        if teacher is None:
            loss = F.cross_entropy(student(x), labels)
        else:
            loss = distillation_loss(student(x), teacher, labels, T, alpha)
        loss.backward()
        optimiser.step()
    return student


@torch.inference_mode()
def accuracy(student, x, labels):
    """In %."""
    return 100 * float((student(torch.from_numpy(x)).argmax(-1).numpy() == labels).mean())


def split(seed, labelled):
    """(x, labels, pool_x, pool_labels, test_x, test_labels); the first `labelled` of the pool are the labelled ones, as many of each class."""
    order = np.random.default_rng(seed).permutation(len(digits))
    test, pool = order[:600], order[600:]
    seen = np.zeros(10, int)
    turn = np.empty(len(pool), int)
    for i, digit in enumerate(digits[pool]):
        turn[i] = seen[digit]
        seen[digit] += 1
    pool = pool[np.argsort(turn, kind="stable")]
    first = pool[:labelled]
    return pixels[first], digits[first], pixels[pool], digits[pool], pixels[test], digits[test]


def honest_logits(forest, x, labels_seen):
    """The forest's logits for a pool that begins with what it was trained on: of that, out of bag."""
    found = logits_of(forest, x)
    out_of_bag = np.nan_to_num(forest.oob_decision_function_, nan=0.1)
    found[:labels_seen] = 1e-3
    found[:labels_seen, forest.classes_] = torch.tensor(
        np.clip(out_of_bag, 1e-3, 1), dtype=torch.float32
    )
    found[:labels_seen] = found[:labels_seen].log()
    return found


def a_forest(x, labels, seed, trees=40):
    return RandomForestClassifier(trees, random_state=seed, oob_score=True).fit(x, labels)


ARMS = {
    "alone": tr(es="solo etiquetas", en="labels only"),
    "smoothing": tr(es="suavizado", en="smoothing"),
    "own": tr(es="profesor propio", en="own teacher"),
    "foreign": tr(es="profesor ajeno", en="outside teacher"),
}
EVERYTHING = len(digits) - 600
AMOUNTS = (30, 100, 300, EVERYTHING)
reached = {(n, arm): [] for n in AMOUNTS for arm in ARMS}
own_teacher = {n: [] for n in AMOUNTS}
for seed in tqdm(range(seeds), desc=tr(es="semillas", en="seeds"), leave=False):
    everything = split(seed, EVERYTHING)
    best_forest = a_forest(*everything[:2], seed)
    for n in AMOUNTS:
        x, labels, pool, pool_labels, test, test_labels = split(seed, n)
        partly = pool_labels.copy()
        partly[n:] = -1
        with np.errstate(all="ignore"):
            forest = best_forest if n == EVERYTHING else a_forest(x, labels, seed)
        own_teacher[n].append(100 * forest.score(test, test_labels))
        smoothed = torch.log(F.one_hot(torch.from_numpy(labels), 10) * 0.9 + 0.01)
        students = {
            "alone": train_student(x, labels, seed=seed),
            "smoothing": train_student(x, labels, smoothed, alpha=1.0, seed=seed),
            "own": train_student(pool, partly, honest_logits(forest, pool, n), seed=seed),
        }
        # es: con todas las etiquetas, el ajeno y el propio son el mismo bosque
        # en: with all labels, the outside one and the own one are the same forest
        students["foreign"] = (
            students["own"]
            if n == EVERYTHING
            else train_student(
                pool, partly, honest_logits(best_forest, pool, EVERYTHING), seed=seed
            )
        )
        for arm, student in students.items():
            reached[n, arm].append(accuracy(student, test, test_labels))
# es: cada semilla con su pareja: misma partición, mismos pesos iniciales
# en: each seed with its pair: same split, same initial weights
gains = {key: np.subtract(values, reached[key[0], "alone"]) for key, values in reached.items()}

# %% slide="fragment" tags=["hide-input"]
tables.show(
    bench.record(
        "06b/distillation-control",
        [
            {
                tr(es="etiquetas", en="labels"): str(n),
                tr(es="profesor propio, él mismo (%)", en="own teacher itself (%)"): np.mean(
                    own_teacher[n]
                ),
                tr(es="alumno solo (%)", en="student alone (%)"): np.mean(reached[n, "alone"]),
                **{
                    tr(es=f"{ARMS[arm]} (puntos)", en=f"{ARMS[arm]} (points)"): plus_minus(
                        gains[n, arm]
                    )
                    for arm in ("smoothing", "own", "foreign")
                },
            }
            for n in AMOUNTS
        ],
        seeds=seeds,
        gains={f"{n} {arm}": list(map(float, values)) for (n, arm), values in gains.items()},
    ),
    caption=tr(
        es=f"Exactitud en 600 dígitos de prueba, y lo que se gana respecto al mismo alumno solo ({seeds} semillas, emparejadas, 95 %)",
        en=f"Accuracy on 600 test digits, and what is gained over the same student alone ({seeds} seeds, paired, 95 %)",
    ),
)
fig, ax = plots.subplots(figsize=(8.4, 3.6))
for shift, arm in zip((-0.15, 0, 0.15), ("smoothing", "own", "foreign"), strict=True):
    means, halves = zip(*(interval(gains[n, arm]) for n in AMOUNTS), strict=True)
    ax.errorbar(
        np.arange(len(AMOUNTS)) + shift, means, yerr=halves, fmt="o", capsize=4, label=ARMS[arm]
    )
ax.axhline(0, color=plots.FAINT, lw=1)
ax.set_xticks(range(len(AMOUNTS)), [str(n) for n in AMOUNTS])
ax.set_xlabel(tr(es="ejemplos con etiqueta", en="labelled examples"))
ax.set_ylabel(tr(es="puntos sobre el alumno solo", en="points over the student alone"))
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Puntos ganados según el número de etiquetas. El profesor ajeno gana mucho con pocas etiquetas y poco con todas; el propio y el suavizado no ganan con pocas.",
        en="Points gained by number of labels. The outside teacher gains a lot with few labels and little with all of them; the own one and smoothing gain nothing with few.",
    ),
)
compare(
    tr(
        es="puntos de exactitud que aporta el profesor ajeno con 30 etiquetas",
        en="points of accuracy that the outside teacher adds with 30 labels",
    ),
    predicted=points_with_30_labels,
    measured=interval(gains[30, "foreign"])[0],
    unit=tr(es="puntos", en="points"),
)
compare(
    tr(es="puntos que aporta con todas las etiquetas", en="points that it adds with all labels"),
    predicted=points_with_all_labels,
    measured=interval(gains[EVERYTHING, "foreign"])[0],
    unit=tr(es="puntos", en="points"),
)
for arm in ("smoothing", "own", "foreign"):
    clear = [
        str(n) for n in AMOUNTS if abs(interval(gains[n, arm])[0]) > interval(gains[n, arm])[1]
    ]
    print(
        tr(
            es=f"{ARMS[arm]}: el intervalo deja fuera el cero con {', '.join(clear) or 'ninguna cantidad de'} etiquetas",
            en=f"{ARMS[arm]}: the interval leaves zero out with {', '.join(clear) or 'no amount of'} labels",
        )
    )

# %% [markdown] lang="es" row="46" slide="subslide"
# Lee la última columna de arriba abajo. El mismo profesor, el mismo alumno y la misma pérdida dan una ganancia enorme o ninguna: lo que cambia es **cuánto sabe el profesor que las etiquetas no le digan ya al alumno**. Con 30 etiquetas y más de mil ejemplos sin etiquetar, el profesor ajeno trae lo que no está en esas etiquetas. Con todas las etiquetas, las del alumno ya dicen lo mismo (y el profesor ajeno y el propio son uno solo: por eso coinciden). Y el profesor propio no sabe más que el alumno: con pocas etiquetas sabe incluso menos (mira su exactitud), y lo que le enseña son sus errores.
#
# El **suavizado** es el segundo control: donde gana tanto como el profesor, o más, lo que ayuda es no estar tan seguro, y no lo que el profesor sabe; mira antes, en las líneas de arriba, si su intervalo deja fuera el cero. Y sale gratis. Ojo con una trampa: un bosque preguntado por los ejemplos **con los que se entrenó** los recuerda casi de memoria, y sus respuestas «blandas» son en realidad etiquetas. Por eso a los ya vistos responde aquí solo con los árboles que no los vieron (`oob`).
#
# ### Un mal profesor
#
# Ahora el profesor ajeno se ha entrenado con una parte de las etiquetas cambiadas al azar. El alumno tiene 100 etiquetas buenas, y en esos 100 ejemplos da al profesor el peso `alpha`; en los demás, sin etiqueta, solo tiene al profesor.
#
# **Predice:** ¿con qué porcentaje de etiquetas malas del profesor es ya mejor estudiar solo? (Probamos 0, 30, 60 y 80.)
# %% [markdown] lang="en" row="46" slide="subslide"
# Read the last column from top to bottom. The same teacher, the same student and the same loss give a huge gain or none: what changes is **how much the teacher knows that the labels do not tell the student already**. With 30 labels and more than a thousand unlabelled examples, the outside teacher brings in what those labels do not hold. With all labels, the student's own say the same (and the outside teacher and the own one are a single forest: that is why they agree). And the own teacher knows no more than the student: with few labels it even knows less (look at its accuracy), and what it teaches are its mistakes.
#
# **Smoothing** is the second control: where it gains as much as the teacher, or more, what helps is being less sure, and not what the teacher knows; but first look, in the lines above, whether its interval leaves zero out. And it is free. Beware of a trap, though: a forest that is asked about the examples **that it was trained on** remembers them nearly by heart, and its "soft" answers are labels in truth. That is why, of those, it answers here only with the trees that have not seen them (`oob`).
#
# ### A bad teacher
#
# Now the outside teacher has been trained with a part of the labels changed at random. The student has 100 good labels, and on those 100 examples it gives the teacher the weight `alpha`; on the rest, without labels, it has only the teacher.
#
# **Predict:** at what percentage of bad labels for the teacher is studying alone already better? (We try 0, 30, 60 and 80.)

# %%
percent_of_bad_labels = None

# %% slide="fragment"
NOISE = (0.0, 0.3, 0.6, 0.8)
bad = {(noise, alpha): [] for noise in NOISE for alpha in (0.5, 1.0)}
of_the_teacher = {noise: [] for noise in NOISE}
for seed in tqdm(range(seeds), desc=tr(es="semillas", en="seeds"), leave=False):
    x, labels, pool, pool_labels, test, test_labels = split(seed, 100)
    alone = accuracy(train_student(x, labels, seed=seed), test, test_labels)
    partly = pool_labels.copy()
    partly[100:] = -1
    chance = np.random.default_rng(seed)
    for noise in NOISE:
        wrong = chance.random(len(pool_labels)) < noise
        # es: de 1 a 9 más, módulo 10: una etiqueta cambiada es siempre mala
        # en: from 1 to 9 more, modulo 10: a changed label is always bad
        learnt = (pool_labels + wrong * chance.integers(1, 10, len(pool_labels))) % 10
        teacher = a_forest(pool, learnt, seed, trees=30)
        of_the_teacher[noise].append(100 * teacher.score(test, test_labels))
        answers = honest_logits(teacher, pool, len(pool))
        for alpha in (0.5, 1.0):
            student = train_student(pool, partly, answers, alpha=alpha, seed=seed)
            bad[noise, alpha].append(accuracy(student, test, test_labels) - alone)
tables.show(
    bench.record(
        "06b/bad-teacher",
        [
            {
                tr(
                    es="etiquetas malas del profesor (%)", en="bad labels of the teacher (%)"
                ): round(100 * noise),
                tr(es="acierta el profesor (%)", en="the teacher is right (%)"): np.mean(
                    of_the_teacher[noise]
                ),
                tr(
                    es="alumno, `alpha` 0.5 (puntos)", en="student, `alpha` 0.5 (points)"
                ): plus_minus(bad[noise, 0.5]),
                tr(es="alumno, `alpha` 1 (puntos)", en="student, `alpha` 1 (points)"): plus_minus(
                    bad[noise, 1.0]
                ),
            }
            for noise in NOISE
        ],
        seeds=seeds,
    ),
    caption=tr(
        es="Puntos sobre el alumno solo, con 100 etiquetas buenas (95 %)",
        en="Points over the student alone, with 100 good labels (95 %)",
    ),
)
# es: perjudica si todo el intervalo queda por debajo de cero
# en: it harms if the whole interval lies below zero
harmful = [noise for noise in NOISE if sum(interval(bad[noise, 0.5])) < 0]
if harmful:
    compare(
        tr(
            es="etiquetas malas con las que conviene estudiar solo",
            en="bad labels with which studying alone is better",
        ),
        predicted=percent_of_bad_labels,
        measured=100 * harmful[0],
        unit="%",
        note=tr(
            es="La primera de las cantidades probadas en que todo el intervalo es negativo, con alpha 0.5.",
            en="The first of the amounts tried whose whole interval is negative, at alpha 0.5.",
        ),
    )

# %% [markdown] lang="es" row="46" slide="subslide"
# Mira la segunda columna: entrenado con un 30 % de etiquetas malas, el bosque acierta mucho más del 70 %, porque los errores al azar se reparten y sus árboles los promedian; por eso aún enseña. Cuando ya sabe menos que el alumno solo, no cabe esperar gran cosa de él, y a uno malo no lo arregla $\alpha$, que solo pesa donde hay etiqueta. $\alpha$ y $T$ no se eligen por gusto, sino con datos reservados, y «sin profesor» es una de las opciones que se comparan.
#
# ### Los dos a la vez
#
# La diapositiva añade que profesor y alumno pueden entrenarse **al mismo tiempo**. Lo más sencillo es la [enseñanza mutua](https://arxiv.org/abs/1706.00384) (Zhang y otros, 2017): dos redes aprenden de las etiquetas y, a cada paso, cada una de la otra. Comparamos, con 300 etiquetas, al alumno solo, con un profesor ya entrenado (una red de 256 neuronas) y con ese mismo profesor entrenándose a su lado.
# %% [markdown] lang="en" row="46" slide="subslide"
# Look at the second column: trained with 30 % of bad labels, the forest is right far more than 70 % of the time, because random mistakes spread out and its trees average them; that is why it still teaches. Once it knows less than the student alone, little can be expected of it, and $\alpha$ does not mend a bad one, because it only counts where there is a label. $\alpha$ and $T$ are not chosen by taste but with held-out data, and "no teacher" is one of the options that are compared.
#
# ### Both at once
#
# The slide adds that teacher and student can be trained **at the same time**. The simplest form is [mutual learning](https://arxiv.org/abs/1706.00384) (Zhang et al., 2017): two networks learn from the labels and, at each step, each from the other. With 300 labels, we compare the student alone, with a teacher that is already trained (a network of 256 neurons), and with that same teacher training beside it.


# %% slide="fragment"
def train_together(x, labels, seed, steps=75, T=3.0, alpha=0.5):
    """A big and a small network that learn from the labels and from each other; returns the small one."""
    small, big = a_student(seed), a_student(seed + 1000, hidden=256)
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    weights = [*small.parameters(), *big.parameters()]
    optimiser = torch.optim.Adam(weights, lr=2e-2, weight_decay=1e-4)
    for _ in range(steps):
        optimiser.zero_grad()
        a, b = small(x), big(x)
        # es: soft_loss separa al que enseña del grafo: cada uno aprende solo de su propia pérdida
        # en: soft_loss detaches whoever teaches from the graph: each one learns from its own loss alone
        (
            distillation_loss(a, b, labels, T, alpha) + distillation_loss(b, a, labels, T, alpha)
        ).backward()
        optimiser.step()
    return small


together = {"before": [], "at once": []}
for seed in range(seeds):
    x, labels, *_, test, test_labels = split(seed, 300)
    alone = accuracy(train_student(x, labels, seed=seed), test, test_labels)
    big = train_student(x, labels, seed=seed + 1000, hidden=256)
    with torch.inference_mode():
        told = big(torch.from_numpy(x)).clone()
    taught = train_student(x, labels, told, T=3.0, alpha=0.5, seed=seed)
    together["before"].append(accuracy(taught, test, test_labels) - alone)
    together["at once"].append(accuracy(train_together(x, labels, seed), test, test_labels) - alone)
tables.show(
    bench.record(
        "06b/together",
        [
            {
                tr(es="profesor", en="teacher"): name,
                tr(
                    es="puntos sobre el alumno solo (95 %)",
                    en="points over the student alone (95 %)",
                ): plus_minus(together[key]),
            }
            for key, name in (
                ("before", tr(es="ya entrenado", en="already trained")),
                ("at once", tr(es="entrenándose a la vez", en="training at the same time")),
            )
        ],
        seeds=seeds,
    ),
    caption=tr(
        es="300 etiquetas, sin ejemplos sin etiquetar", en="300 labels, no unlabelled examples"
    ),
)

# %% [markdown] lang="es" row="46" slide="subslide"
# Antes de elegir entre las dos filas, mira si sus intervalos dejan fuera el cero. Sin ejemplos sin etiquetar, un profesor que ha visto las mismas 300 etiquetas tiene poco que añadir, y entrenarlo a la vez no le da más datos: lo que ahorra es tener que esperarlo.
# %% [markdown] lang="en" row="46" slide="subslide"
# Before choosing between the two rows, check whether their intervals leave zero out. Without unlabelled examples, a teacher that has seen the same 300 labels has little to add, and training it at the same time gives it no more data: what it saves is having to wait for it.

# %% [markdown] lang="es" row="47" slide="slide"
# ## La cuenta completa
#
# «Rápido de entrenar si el profesor ya existe», dice la diapositiva a favor; y en contra, «si no existe, puede hacer falta más tiempo y más datos». Pongamos números, con dos profesores que **no se parecen al alumno**, un bosque y una máquina de vectores soporte, y otro que sí, pero mayor: una red. Al alumno le da igual: solo ve probabilidades. El que va solo aprende de 100 ejemplos con etiqueta; el destilado, de esos y de lo que dice el profesor sobre los demás, más de mil.
#
# **Predice:** si el profesor (el bosque) hay que entrenarlo para la ocasión, ¿cuántas veces más CPU cuesta en total el alumno destilado que el alumno solo?
# %% [markdown] lang="en" row="47" slide="slide"
# ## The full account
#
# "Fast to train student network if teacher is pre-trained", says the slide in favour; and against it, "if teacher is not pre-trained, may need more data & time". Let us put numbers to it, with two teachers that are **nothing like the student**, a forest and a support vector machine, and one that is like it, but bigger: a network. It is all the same to the student: it only sees probabilities. The one on its own learns from 100 labelled examples; the distilled one, from those and from what the teacher says about the rest, more than a thousand.
#
# **Predict:** if the teacher (the forest) must be trained for the occasion, how many times as much CPU does the distilled student cost in all as the student alone?

# %%
times_the_cpu = None


# %% slide="fragment"
def timed(function):
    """(what it returns, CPU seconds of it)."""
    begin = process_time()
    found = function()
    return found, process_time() - begin


x, labels, pool, pool_labels, test, test_labels = split(0, 100)
partly = pool_labels.copy()
partly[100:] = -1
MASTERS = {
    tr(es="bosque, 300 árboles", en="forest, 300 trees"): RandomForestClassifier(
        300, random_state=0
    ),
    tr(es="vectores soporte (RBF)", en="support vectors (RBF)"): CalibratedClassifierCV(
        SVC(C=10), ensemble=False
    ),
    tr(es="red de 64-256-10", en="network of 64-256-10"): MLPClassifier(
        256, max_iter=60, random_state=0
    ),
}
alone, alone_cost = timed(lambda: train_student(x, labels))
students = {}
account = []
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name, master in tqdm(MASTERS.items(), leave=False):
        _, fitting = timed(lambda master=master: master.fit(pool, pool_labels))
        told, labelling = timed(lambda master=master: logits_of(master, pool))
        students[name], training = timed(lambda told=told: train_student(pool, partly, told))
        account.append((name, fitting, labelling, training))

with torch.inference_mode():
    serving, serving_64 = (
        race(
            {
                name: (lambda master=master, n=n: master.predict_proba(test[:n]))
                for name, master in MASTERS.items()
            }
            | {"student": lambda n=n: alone(torch.from_numpy(test[:n]))},
            rounds=rounds,
            min_seconds=0.004,
            cpu=True,
        )
        for n in (1, 64)
    )
rows = []
for name, fitting, labelling, training in account:
    total = fitting + labelling + training
    saved = serving.median(name) - serving.median("student")
    rows.append(
        {
            tr(es="profesor", en="teacher"): name,
            tr(es="entrenarlo (s)", en="training it (s)"): fitting,
            tr(es="preguntarle (s)", en="asking it (s)"): labelling,
            tr(es="entrenar al alumno (s)", en="training the student (s)"): training,
            tr(es="total, veces el alumno solo", en="total, times the student alone"): total
            / alone_cost,
            tr(es="kB del profesor", en="teacher's kB"): len(pickle.dumps(MASTERS[name])) / 1000,
            tr(es="acierta (%)", en="its accuracy (%)"): 100
            * MASTERS[name].score(test, test_labels),
            tr(es="su alumno (%)", en="its student's accuracy (%)"): accuracy(
                students[name], test, test_labels
            ),
            tr(
                es="servir de 1 en 1, veces el alumno", en="serving 1 at a time, times the student"
            ): serving.ratio(name, "student").median,
            tr(es="y de 64 en 64", en="and 64 at a time"): serving_64.ratio(name, "student").median,
            tr(es="se amortiza tras (predicciones)", en="pays off after (predictions)"): round(
                total / saved
            ),
        }
    )
tables.show(
    bench.record("06b/total-cost", rows),
    caption=tr(
        es=f"Segundos de CPU. El alumno ocupa {sum(p.numel() for p in alone.parameters()) * 4 / 1000:.1f} kB; solo, con 100 etiquetas, acierta el {accuracy(alone, test, test_labels):.1f} % y cuesta {alone_cost:.2f} s",
        en=f"CPU seconds. The student takes {sum(p.numel() for p in alone.parameters()) * 4 / 1000:.1f} kB; alone, with 100 labels, it is right {accuracy(alone, test, test_labels):.1f} % of the time and costs {alone_cost:.2f} s",
    ),
)
compare(
    tr(
        es="CPU del alumno destilado, con el bosque incluido",
        en="CPU of the distilled student, forest included",
    ),
    predicted=times_the_cpu,
    measured=sum(account[0][1:]) / alone_cost,
    unit="×",
)

# %% [markdown] lang="es" row="47" slide="subslide"
# La última columna divide lo que costó todo entre lo que se ahorra en cada predicción **frente a servir al profesor**, de una en una (parte de ello es lo que scikit-learn gasta en cada llamada: mira la columna de 64 en 64). Quien ya sirve un bosque lo recupera pronto. Quien no tiene profesor debe compararse con otra cosa: con etiquetar más. Aquí el profesor se ha entrenado con **todas** las etiquetas, y con ellas el alumno llega solo al mismo sitio (última fila de la tabla del control); con 300 se queda a medio camino. Etiquetar a veces es más barato que mantener un profesor, y a veces (etiquetas que pone un médico) no.
#
# Fíjate en lo que **no** está en la tabla: elegir $T$ y $\alpha$ (cada prueba es otro entrenamiento del alumno), guardar las respuestas del profesor, y volver a destilar cada vez que el profesor se reentrena. Destilar no es gratis: se paga una vez, y se cobra en cada predicción.
# %% [markdown] lang="en" row="47" slide="subslide"
# The last column divides what everything cost by what each prediction saves **over serving the teacher**, one at a time (some of that is what scikit-learn spends on each call: look at the column of 64 at a time). Whoever serves a forest already gets it back soon. Whoever has no teacher must compare with something else: with labelling more. Here the teacher was trained on **all** labels, and with them the student gets to the same place alone (last row of the control's table); with 300 it gets about half way there. Labelling is sometimes cheaper than keeping a teacher, and sometimes (labels given by a doctor) it is not.
#
# Note what is **not** in the table: choosing $T$ and $\alpha$ (each try is another training of the student), storing the teacher's answers, and distilling again each time the teacher is retrained. Distillation is not free: you pay for it once, and it pays you back at each prediction.

# %% [markdown] lang="es" row="54" slide="slide"
# ## Factorizar: 3×3 = 3×1 · 1×3
#
# Un filtro de 3×3 tiene 9 parámetros. Si se puede escribir como una columna por una fila, bastan **6**, y en vez de una pasada de 9 multiplicaciones por píxel se dan dos de 3. Un filtro así se llama **separable**, y es una matriz de **rango 1**: su primer valor singular se lleva toda la energía (la suma de los cuadrados de todos).
#
# **Predice:** de filtros de 3×3 con números al azar (normales), ¿qué porcentaje de la energía se lleva, de media, el primer valor singular? ¿Y (de cabeza) qué proporción de ellos es separable?
# %% [markdown] lang="en" row="54" slide="slide"
# ## Factorization: 3×3 = 3×1 · 1×3
#
# A filter of 3×3 has 9 parameters. If it can be written as a column times a row, **6** will do, and instead of one pass of 9 multiplications a pixel there are two of 3. Such a filter is called **separable**, and it is a matrix of **rank 1**: its first singular value takes all of the energy (the sum of the squares of all of them).
#
# **Predict:** of filters of 3×3 with random (normal) numbers, what share of the energy does the first singular value take, on average, in percent? And (in your head) what share of them is separable?

# %%
percent_of_energy = None

# %% slide="fragment"
FILTERS = {
    "Sobel": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "Gauss": np.outer([1, 2, 1], [1, 2, 1]) / 16,
    tr(es="media", en="mean"): np.full((3, 3), 1 / 9),
    tr(es="Laplace (8 vecinos)", en="Laplace (8 neighbours)"): [
        [-1, -1, -1],
        [-1, 8, -1],
        [-1, -1, -1],
    ],
    tr(es="Laplace (4 vecinos)", en="Laplace (4 neighbours)"): [
        [0, -1, 0],
        [-1, 4, -1],
        [0, -1, 0],
    ],
    "diagonal": np.eye(3),
}


def energy(kernel):
    """Share of the energy in the first singular value; 1 means separable."""
    values = np.linalg.svd(np.asarray(kernel, float), compute_uv=False)
    return float(values[0] ** 2 / (values**2).sum())


def two_passes(kernel):
    """The best column (3, 1) and row (1, 3) for a filter: u·sqrt(s) and v·sqrt(s) of its first singular value."""
    u, s, v = np.linalg.svd(np.asarray(kernel, float))
    root = math.sqrt(s[0])
    return u[:, :1] * root, v[:1] * root


image = np.random.default_rng(0).random((64, 64))
at_random = [energy(kernel) for kernel in np.random.default_rng(1).standard_normal((2000, 3, 3))]
rows = []
for name, kernel in FILTERS.items():
    column, row = two_passes(kernel)
    whole = signal.convolve2d(image, np.asarray(kernel, float), mode="valid")
    twice = signal.convolve2d(signal.convolve2d(image, column, mode="valid"), row, mode="valid")
    rows.append(
        {
            tr(es="filtro", en="filter"): name,
            tr(es="energía del 1.er valor (%)", en="energy of the 1st value (%)"): 100
            * energy(kernel),
            tr(es="separable", en="separable"): bool(energy(kernel) > 1 - 1e-9),
            tr(es="error de dos pasadas (%)", en="error of two passes (%)"): 100
            * float(np.linalg.norm(whole - twice) / np.linalg.norm(whole)),
        }
    )
rows.append(
    {
        tr(es="filtro", en="filter"): tr(es="al azar (media de 2000)", en="random (mean of 2000)"),
        tr(es="energía del 1.er valor (%)", en="energy of the 1st value (%)"): 100
        * float(np.mean(at_random)),
        tr(es="separable", en="separable"): bool(np.mean(np.array(at_random) > 1 - 1e-9) > 0.5),
        tr(es="error de dos pasadas (%)", en="error of two passes (%)"): None,
    }
)
tables.show(
    bench.record("06b/separable", rows),
    caption=tr(es="¿Qué filtros de 3×3 son un producto?", en="Which 3×3 filters are a product?"),
    formats={
        tr(es="energía del 1.er valor (%)", en="energy of the 1st value (%)"): ".1f",
        tr(es="error de dos pasadas (%)", en="error of two passes (%)"): ".1f",
    },
)
compare(
    tr(
        es="energía del primer valor singular, filtros al azar",
        en="energy of the first singular value, random filters",
    ),
    predicted=percent_of_energy,
    measured=100 * float(np.mean(at_random)),
    unit="%",
    note=tr(
        es=f"De 2000, {int(np.sum(np.array(at_random) > 1 - 1e-9))} son separables.",
        en=f"Of 2000, {int(np.sum(np.array(at_random) > 1 - 1e-9))} are separable.",
    ),
)

# %% [markdown] lang="es" row="54" slide="subslide"
# «Una matriz de 3×3 se puede escribir como producto de 3×1 y 1×3», dice la diapositiva; es verdad solo para las de rango 1: casi ninguna. Y una energía alta no basta: el error de la imagen depende de lo que el producto deja fuera **y** de lo que hay en la imagen. Los dos de Laplace se llevan más del 90 % en el primer valor y fallan mucho: sus números suman cero, los de su mejor producto no, y la imagen tiene un fondo (aquí, de media 0.5) que el filtro quita y el producto deja pasar. Las redes que usan esta idea ([Inception v3](https://arxiv.org/abs/1512.00567), 2015, con 7×1 y 1×7) no factorizan filtros entrenados: **entrenan directamente** los dos pequeños, y aceptan que juntos pueden menos.
#
# ¿Y el tiempo? Dos pasadas son dos lecturas de la imagen. (Como en la primera parte, los tiempos de un solo hilo son de CPU y por turnos.) **Predice:** con 6 multiplicaciones por píxel en vez de 9 (1.5 veces menos), ¿cuántas veces más rápido va en PyTorch? ¿Y con un filtro de 15×15 (30 en vez de 225: 7.5 veces menos)?
# %% [markdown] lang="en" row="54" slide="subslide"
# "3×3 matrix can be written as a product of 3×1 and 1×3", says the slide; that is true only of those of rank 1: hardly any. And a high energy is not enough: the error in the image depends on what the product leaves out **and** on what there is in the image. Both Laplace filters have more than 90 % in the first value and fail badly: their numbers add up to zero, those of their best product do not, and the image has a background (of mean 0.5 here) which the filter removes and the product lets through. The networks that use this idea ([Inception v3](https://arxiv.org/abs/1512.00567), 2015, with 7×1 and 1×7) do not factorize trained filters: they **train** the two small ones **directly**, and accept that together they can do less.
#
# And the time? Two passes read the image twice. (As in the first part, times on a single thread are CPU times, in turns.) **Predict:** with 6 multiplications a pixel instead of 9 (1.5 times fewer), how many times as fast is it in PyTorch? And with a filter of 15×15 (30 instead of 225: 7.5 times fewer)?

# %%
times_as_fast_3 = None
times_as_fast_15 = None

# %% slide="fragment"
picture = torch.rand(1, 1, 256, 256)
contestants = {}
for size in (3, 7, 15):
    bell = signal.windows.gaussian(size, size / 5)
    kernel, column, row = (
        torch.tensor(np.atleast_2d(part), dtype=torch.float32)[None, None]
        for part in (np.outer(bell, bell), bell[:, None], bell[None])
    )
    contestants[f"{size}×{size}"] = lambda kernel=kernel: F.conv2d(picture, kernel)
    contestants[f"{size}×1 · 1×{size}"] = lambda column=column, row=row: F.conv2d(
        F.conv2d(picture, column), row
    )
with torch.inference_mode():
    passes = race(contestants, rounds=rounds, min_seconds=0.004, cpu=True)
by_size = {n: passes.faster(f"{n}×1 · 1×{n}", f"{n}×{n}") for n in (3, 7, 15)}
tables.show(
    bench.record(
        "06b/two-passes",
        [
            {
                tr(es="filtro", en="filter"): f"{n}×{n}",
                tr(es="parámetros", en="parameters"): n * n,
                tr(es="en dos", en="in two"): 2 * n,
                tr(es="veces menos multiplicaciones", en="times fewer multiplications"): n / 2,
                tr(es="veces más rápido", en="times as fast"): by_size[n].median,
                tr(es="de (95 %)", en="from (95 %)"): by_size[n].low,
                tr(es="a", en="to"): by_size[n].high,
            }
            for n in by_size
        ],
    ),
    caption=tr(es="Una imagen de 256×256, un hilo", en="An image of 256×256, one thread"),
)
for n, predicted in ((3, times_as_fast_3), (15, times_as_fast_15)):
    compare(
        tr(
            es=f"{n}×{n} en dos pasadas: veces más rápido",
            en=f"{n}×{n} in two passes: times as fast",
        ),
        predicted=predicted,
        measured=by_size[n].median,
        unit="×",
    )

# %% [markdown] lang="es" row="55" slide="slide"
# ## Capas de rango bajo
#
# Lo mismo, con una capa entera: una matriz $W$ de $m \times n$ se cambia por $U V$, de $m \times k$ y $k \times n$. Sale a cuenta si $k(m+n) < mn$, o sea, si
#
# $$k < \frac{mn}{m+n}$$
#
# y la mejor elección para cada $k$ es la SVD truncada: su error es exactamente la cola de los valores singulares (Eckart y Young, 1936). Tomamos una capa **de verdad**: la segunda del perceptrón en el segundo bloque del profesor de texto que usaremos luego (un corrector que dice si dos palabras de una frase están intercambiadas), y una al azar del mismo tamaño.
#
# **Predice:** ¿qué rango hace falta, en porcentaje del máximo, para guardar el 90 % de la energía de la capa entrenada? ¿Cae por debajo del punto de equilibrio?
# %% [markdown] lang="en" row="55" slide="slide"
# ## Low-rank layers
#
# The same, with a whole layer: a matrix $W$ of $m \times n$ is replaced by $U V$, of $m \times k$ and $k \times n$. It pays if $k(m+n) < mn$, that is, if
#
# $$k < \frac{mn}{m+n}$$
#
# and the best choice for each $k$ is the truncated SVD: its error is exactly the tail of the singular values (Eckart and Young, 1936). We take a **real** layer: the second layer of the perceptron in the second block of the text teacher that we shall use later (a checker that says whether two words of a sentence have been swapped), and a random matrix of the same size.
#
# **Predict:** what rank, as a percentage of the maximum, does it take to keep 90 % of the trained layer's energy? Is that below the break-even point?

# %%
percent_of_the_rank = None

# %% slide="fragment"
teacher = word_order_model.load("teacher")
real = teacher.layers[1].down.weight.detach().numpy()
m, n = real.shape
break_even = m * n / (m + n)
MATRICES = {
    tr(es="entrenada", en="trained"): real,
    tr(es="al azar", en="random"): np.random.default_rng(0).standard_normal((m, n)) * real.std(),
}
spectra = {name: np.linalg.svd(matrix, compute_uv=False) for name, matrix in MATRICES.items()}
kept = {name: np.cumsum(s**2) / (s**2).sum() for name, s in spectra.items()}
rank_90 = {name: int(np.searchsorted(share, 0.9)) + 1 for name, share in kept.items()}


def factorize(matrix, k):
    """(U with the singular values in it, V) of rank k: the product is the nearest matrix of that rank."""
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    return (u[:, :k] * s[:k]).astype(np.float32), v[:k].astype(np.float32)


vocabulary = word_order.Vocabulary.load()
test_texts, test_labels = word_order.pairs()


def right_at_rank(k, count=600):
    """Which of `count` test sentences the teacher is right about when that layer of each block has rank k."""
    copy = word_order_model.load("teacher")
    with torch.no_grad():
        for layer in copy.layers:
            layer.down.weight.copy_(
                torch.from_numpy(np.matmul(*factorize(layer.down.weight.numpy(), k)))
            )
    found = word_order_model.predict(copy, test_texts[:count], vocabulary) > 0
    return found == test_labels[:count]


whole_rank = right_at_rank(min(m, n)).astype(float)
rows = []
for k in (8, 32, 64, int(break_even), min(m, n) - 8):
    approximation = np.matmul(*factorize(real, k))
    trained_share, random_share = (share[k - 1] for share in kept.values())
    lost = 100 * (right_at_rank(k) - whole_rank).reshape(-1, 2).mean(1)
    margin = 1.96 * lost.std(ddof=1) / math.sqrt(len(lost))
    rows.append(
        {
            "k": k,
            tr(es="parámetros (%)", en="parameters (%)"): 100 * k * (m + n) / (m * n),
            tr(es="error medido (%)", en="measured error (%)"): 100
            * float(np.linalg.norm(real - approximation) / np.linalg.norm(real)),
            tr(es="cola de la SVD (%)", en="tail of the SVD (%)"): 100
            * math.sqrt(max(0.0, 1 - trained_share)),
            tr(es="al azar (%)", en="random (%)"): 100 * math.sqrt(max(0.0, 1 - random_share)),
            tr(
                es="exactitud (puntos)", en="accuracy (points)"
            ): f"{lost.mean():+.1f} ± {margin:.1f}".replace("-", "−"),
        }
    )
tables.show(
    bench.record("06b/low-rank", rows, rank_90=rank_90, break_even=break_even),
    caption=tr(
        es=f"Una capa de {m}×{n}: punto de equilibrio en k = {break_even:.0f}. Exactitud: lo que cambia si se hace en las cuatro capas, sin volver a entrenar (600 frases, 95 %)",
        en=f"A layer of {m}×{n}: break-even point at k = {break_even:.0f}. Accuracy: what changes if it is done in the four layers, without training again (600 sentences, 95 %)",
    ),
)

# %% slide="fragment" tags=["hide-input"]
fig, ax = plots.subplots(figsize=(8.0, 3.2))
for name, share in kept.items():
    ax.plot(np.arange(1, len(share) + 1), 100 * share, label=name)
ax.axvline(break_even, color=plots.FAINT, ls="--", lw=1.2)
ax.annotate(
    tr(
        es="a la derecha,\nmás parámetros\nque el original",
        en="to the right,\nmore parameters\nthan the original",
    ),
    (break_even, 22),
    xytext=(6, 0),
    textcoords="offset points",
    fontsize=9,
)
ax.axhline(90, color=plots.FAINT, ls=":", lw=1.2)
ax.set_xlabel(tr(es="rango k", en="rank k"))
ax.set_ylabel(tr(es="energía guardada (%)", en="energy kept (%)"))
ax.set_ylim(0, 102)
ax.legend(loc="lower center")
plots.show(
    fig,
    alt=tr(
        es="Energía guardada según el rango. La curva de la capa entrenada va por encima de la de la matriz al azar. Una línea vertical marca el punto de equilibrio.",
        en="Energy kept by rank. The trained layer's curve runs above the random matrix's. A vertical line marks the break-even point.",
    ),
)
first_90 = next(iter(rank_90.values()))
compare(
    tr(
        es="rango para el 90 % de la energía, del máximo",
        en="rank for 90 % of the energy, of the maximum",
    ),
    predicted=percent_of_the_rank,
    measured=100 * first_90 / min(m, n),
    unit="%",
    note=tr(
        es=f"k = {first_90}, y el equilibrio está en {break_even:.0f}: {'ahorra' if first_90 < break_even else 'NO ahorra, ocupa más'}.",
        en=f"k = {first_90}, and break-even is at {break_even:.0f}: {'it saves' if first_90 < break_even else 'it does NOT save, it takes more'}.",
    ),
)

# %% [markdown] lang="es" row="55" slide="subslide"
# «Rango bajo» no es «rango al 90 % de energía». Que una matriz se aproxime bien con un rango no significa que comprima, y que pierda un 10 % de energía no dice cuánta exactitud se pierde: eso se mide con el modelo. En la práctica se factoriza y **se sigue entrenando**, o se entrenan directamente los factores; [LoRA](https://arxiv.org/abs/2106.09685) (2021) aplica esta cuenta a lo que cambia al afinar un modelo, y no a sus pesos.
#
# Queda la trampa de siempre: los factores solo ahorran si **se quedan separados**. **Predice:** una capa de 1024×1024 con $k=64$ hace 8 veces menos multiplicaciones. ¿Cuántas veces más rápida es, con un solo ejemplo, si se calcula `(x @ V.T) @ U.T`? ¿Y si el programa multiplica antes `U @ V`, en cada llamada?
# %% [markdown] lang="en" row="55" slide="subslide"
# "Low rank" is not "the rank at 90 % of the energy". That a matrix is close to one of some rank does not mean that it compresses, and that it loses 10 % of its energy does not say how much accuracy is lost: that is measured with the model. In practice one factorizes and **goes on training**, or trains the factors directly; [LoRA](https://arxiv.org/abs/2106.09685) (2021) applies this arithmetic to what changes when a model is fine-tuned, and not to its weights.
#
# One usual trap is left: the factors save only if they **stay apart**. **Predict:** a layer of 1024×1024 with $k=64$ does 8 times fewer multiplications. How many times as fast is it, on a single example, if `(x @ V.T) @ U.T` is computed? And if the program multiplies `U @ V` first, in each call?

# %%
times_as_fast_factored = None

# %% slide="fragment"
WIDTH, RANK = 1024, 64
dense = torch.randn(WIDTH, WIDTH)
U, V = torch.randn(WIDTH, RANK), torch.randn(RANK, WIDTH)
low_rank = {}
with torch.inference_mode():
    for size in (1, 64):
        inputs = torch.randn(size, WIDTH)
        low_rank[size] = race(
            {
                tr(es="densa", en="dense"): lambda inputs=inputs: inputs @ dense.T,
                tr(es="factores", en="factors"): lambda inputs=inputs: (inputs @ V.T) @ U.T,
                tr(es="multiplicados antes", en="multiplied first"): lambda inputs=inputs: (
                    inputs @ (U @ V).T
                ),
            },
            rounds=rounds,
            min_seconds=0.004,
            cpu=True,
        )
        tables.show(
            bench.record(
                f"06b/low-rank-time-{size}", low_rank[size].table(tr(es="densa", en="dense"))
            ),
            caption=tr(
                es=f"Una capa de {WIDTH}×{WIDTH}, k = {RANK}, {size} {'ejemplo' if size == 1 else 'ejemplos a la vez'}",
                en=f"A layer of {WIDTH}×{WIDTH}, k = {RANK}, {size} {'example' if size == 1 else 'examples at once'}",
            ),
        )
compare(
    tr(
        es="factores separados, un ejemplo: veces más rápida",
        en="factors apart, one example: times as fast",
    ),
    predicted=times_as_fast_factored,
    measured=low_rank[1].faster(tr(es="factores", en="factors"), tr(es="densa", en="dense")).median,
    unit="×",
)

# %% [markdown] lang="es" row="56" slide="slide"
# ## El bloque de MobileNet
#
# Una convolución normal de $k \times k$ mezcla a la vez el espacio y los canales: $k^2 M N$ parámetros para pasar de $M$ canales a $N$. La **separable en profundidad** lo hace en dos pasos: un filtro de $k \times k$ **por canal** (en profundidad) y una mezcla de los canales de 1×1 (puntual). El cociente entre la segunda y la primera, en parámetros y en multiplicaciones, es
#
# $$\frac{k^2 M + M N}{k^2 M N} = \frac{1}{N} + \frac{1}{k^2}$$
#
# MobileNet (Howard y otros, [2017](https://arxiv.org/abs/1704.04861)) dice «entre 8 y 9 veces menos cálculo» con 3×3. **Predice:** ¿cuántos canales de salida hacen falta para llegar a 8?
# %% [markdown] lang="en" row="56" slide="slide"
# ## MobileNet's block
#
# An ordinary convolution of $k \times k$ mixes space and channels at once: $k^2 M N$ parameters to go from $M$ channels to $N$. The **depthwise separable** one does it in two steps: a filter of $k \times k$ **for each channel** (depthwise) and a 1×1 mixing of the channels (pointwise). The ratio of the second to the first, in parameters and in multiplications, is
#
# $$\frac{k^2 M + M N}{k^2 M N} = \frac{1}{N} + \frac{1}{k^2}$$
#
# MobileNet (Howard et al., [2017](https://arxiv.org/abs/1704.04861)) says "8 to 9 times less computation" with 3×3. **Predict:** how many output channels does it take to reach 8?

# %%
channels_for_8 = None


# %% slide="fragment"
def standard(channels_in, channels_out, k=3):
    return nn.Conv2d(channels_in, channels_out, k, padding=k // 2, bias=False)


def separable(channels_in, channels_out, k=3):
    """Depthwise (one filter for each channel: `groups`), then pointwise."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_in, k, padding=k // 2, groups=channels_in, bias=False),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
    )


def parameters(module):
    return sum(p.numel() for p in module.parameters())


counted = {}
for channels in (3, 16, 64, 72, 128, 512):
    counted[channels] = parameters(standard(channels, channels)) / parameters(
        separable(channels, channels)
    )
tables.show(
    bench.record(
        "06b/depthwise-count",
        [
            {
                tr(es="canales de salida N", en="output channels N"): channels,
                tr(es="veces menos, contado", en="times fewer, counted"): ratio,
                tr(es="por la fórmula", en="by the formula"): 1 / (1 / channels + 1 / 9),
            }
            for channels, ratio in counted.items()
        ],
    ),
    caption=tr(
        es="Parámetros (y multiplicaciones) de un 3×3 normal entre los de uno separable en profundidad",
        en="Parameters (and multiplications) of an ordinary 3×3 divided by those of a depthwise separable one",
    ),
)
compare(
    tr(es="canales de salida para ahorrar 8 veces", en="output channels to save 8 times"),
    predicted=channels_for_8,
    measured=next(N for N in range(1, 200) if 1 / (1 / N + 1 / 9) >= 8 - 1e-9),
    unit="",
)

# %% [markdown] lang="es" row="56" slide="subslide"
# Nunca llega a 9: por grande que sea $N$, solo se acerca a $k^2$. Y en la primera capa de una red, que ve 3 canales, la fórmula se aplica con su $N$ de salida, no con los 3 de entrada.
#
# **Predice:** con 64 canales, ¿cuántas veces más rápido va el bloque separable en esta máquina, si hace casi 8 veces menos multiplicaciones?
# %% [markdown] lang="en" row="56" slide="subslide"
# It never reaches 9: however large $N$ is, it only approaches $k^2$. And in the first layer of a network, which sees 3 channels, the formula is applied with its output $N$, and not with the 3 of the input.
#
# **Predict:** with 64 channels, how many times as fast is the separable block on this machine, if it does nearly 8 times fewer multiplications?

# %%
times_as_fast_separable = None

# %% slide="fragment"
contestants = {}
for channels in (8, 32, 64, 128):
    maps = torch.randn(1, channels, 28, 28)
    whole, parts = standard(channels, channels).eval(), separable(channels, channels).eval()
    contestants[f"{channels}"] = lambda whole=whole, maps=maps: whole(maps)
    contestants[f"{channels} dw"] = lambda parts=parts, maps=maps: parts[0](maps)
    contestants[f"{channels} pw"] = lambda parts=parts, maps=maps: parts[1](maps)
    contestants[f"{channels} dw+pw"] = lambda parts=parts, maps=maps: parts(maps)
with torch.inference_mode():
    block = race(contestants, rounds=rounds, min_seconds=0.004, cpu=True)
timing = []
for channels in (8, 32, 64, 128):
    gained = block.faster(f"{channels} dw+pw", f"{channels}")
    depthwise = block.median(f"{channels} dw")
    timing.append(
        {
            tr(es="canales", en="channels"): channels,
            tr(es="veces menos MAC", en="times fewer MACs"): 1 / (1 / channels + 1 / 9),
            tr(es="veces más rápido", en="times as fast"): gained.median,
            tr(es="de (95 %)", en="from (95 %)"): gained.low,
            tr(es="a", en="to"): gained.high,
            tr(es="MAC en profundidad (%)", en="depthwise MACs (%)"): 100 * 9 / (9 + channels),
            tr(es="tiempo en profundidad (%)", en="depthwise time (%)"): 100
            * depthwise
            / (depthwise + block.median(f"{channels} pw")),
        }
    )
tables.show(
    bench.record("06b/depthwise-time", timing),
    caption=tr(
        es="Mapas de 28×28, un hilo: multiplicaciones y tiempo no son lo mismo",
        en="Maps of 28×28, one thread: multiplications and time are not the same",
    ),
)
fig, ax = plots.subplots(figsize=(7.6, 3.2))
where = np.arange(len(timing))
saved, faster, low, high = ([list(row.values())[i] for row in timing] for i in (1, 2, 3, 4))
ax.plot(
    where, saved, "s--", label=tr(es="multiplicaciones (fórmula)", en="multiplications (formula)")
)
ax.errorbar(
    where,
    faster,
    yerr=[np.subtract(faster, low), np.subtract(high, faster)],
    fmt="o",
    capsize=4,
    label=tr(es="tiempo (medido)", en="time (measured)"),
)
ax.axhline(1, color=plots.FAINT, lw=1)
ax.set_xticks(where, [str(row[tr(es="canales", en="channels")]) for row in timing])
ax.set_xlabel(tr(es="canales", en="channels"))
ax.set_ylabel(tr(es="factor de ahorro", en="reduction factor"))
# es: en una máquina muy ocupada, un intervalo puede salirse de la figura
# en: on a very busy machine an interval may run out of the figure
ax.set_ylim(0, 1.4 * max(saved + faster))
ax.legend()
plots.show(
    fig,
    alt=tr(
        es="Veces menos multiplicaciones y veces menos tiempo, según los canales. Las dos curvas no coinciden, sobre todo con pocos canales.",
        en="By how much the multiplications and the time are reduced, by number of channels. The two do not agree, above all with few channels.",
    ),
)
compare(
    tr(
        es="bloque separable de 64 canales: veces más rápido",
        en="separable block of 64 channels: times as fast",
    ),
    predicted=times_as_fast_separable,
    measured=block.faster("64 dw+pw", "64").median,
    unit="×",
)

# %% [markdown] lang="es" row="56" slide="subslide"
# Mira las dos últimas columnas: salvo con muy pocos canales, el paso en profundidad hace una parte pequeña de las multiplicaciones y se lleva una parte mucho mayor del tiempo. Cada valor que lee se usa en 9 multiplicaciones y no en $9N$: su **intensidad aritmética** es baja (unidad 05), y con tan poco que calcular pesan más leer, escribir y lo que cuesta cada llamada. Las MAC (multiplicar y sumar) son un presupuesto de cálculo, no un reloj: el mismo bloque puede ser una ganga en un móvil con un código hecho para él, y una decepción en una GPU. Se elige por MAC entre modelos parecidos, y se decide midiendo.
# %% [markdown] lang="en" row="56" slide="subslide"
# Look at the last two columns: except with very few channels, the depthwise step does a small part of the multiplications and takes a much larger part of the time. Each value that it reads is used in 9 multiplications and not in $9N$: its **arithmetic intensity** is low (unit 05), and with so little to compute, reading, writing and the cost of each call weigh more. MACs (multiply and add) are a budget of computation, not a clock: the same block can be a bargain on a phone with code made for it, and a disappointment on a GPU. Use MACs to choose among similar models, and measure to decide.

# %% [markdown] lang="es" row="57" slide="slide"
# ## Caso real: mil millones de peticiones al día, en CPU
#
# En 2020 Roblox contó cómo servía un clasificador de textos basado en BERT: [más de mil millones de peticiones al día, en CPU](https://blog.roblox.com/2020/05/scaled-bert-serve-1-billion-daily-requests-cpus/), con menos de 20 ms y más de 50 000 peticiones por segundo ([charla de 2021](https://www.databricks.com/session_na21/how-we-scaled-bert-to-serve-1-billion-daily-requests-on-cpu)). Su receta cabe en una frase, *menos es más*: modelo más pequeño (destilado), entradas más pequeñas (sin relleno), pesos más pequeños (int8), menos peticiones (caché) y menos hilos por proceso. Declararon unas 30 veces menos latencia y más caudal. Son cifras suyas, y de sus máquinas; aquí medimos las nuestras.
#
# ### La tarea
#
# El corrector de un teclado: **¿está esta frase como la escribió alguien, o hay dos palabras cercanas intercambiadas?** Usamos el libro de la unidad 05 (en los dos idiomas); el intercambio es artificial, y por eso las etiquetas son gratis. La hemos elegido porque **el orden importa**: al intercambiar dos palabras, la bolsa de palabras no cambia.
#
# **Predice:** un clasificador lineal sobre la bolsa de palabras (TF-IDF), ¿en qué porcentaje acierta? ¿Y si ve además las parejas de palabras seguidas?
# %% [markdown] lang="en" row="57" slide="slide"
# ## Case study: a billion requests a day, on CPUs
#
# In 2020 Roblox told how it served a text classifier based on BERT: [more than a billion requests a day, on CPUs](https://blog.roblox.com/2020/05/scaled-bert-serve-1-billion-daily-requests-cpus/), in less than 20 ms and at more than 50 000 requests a second ([talk of 2021](https://www.databricks.com/session_na21/how-we-scaled-bert-to-serve-1-billion-daily-requests-on-cpu)). Its recipe fits in a sentence, *less is more*: a smaller model (distilled), smaller inputs (no padding), smaller weights (int8), fewer requests (cache) and fewer threads per process. They reported some 30 times less latency and more throughput. Those are their figures, from their machines; here we measure ours.
#
# ### The task
#
# A keyboard's checker: **is this sentence as somebody wrote it, or have two words near each other been swapped?** We use the book of unit 05 (in both languages); the swap is artificial, and that is why the labels are free. We chose it because **order matters**: when two words are swapped, the bag of words stays the same.
#
# **Predict:** how often is a linear classifier on the bag of words (TF-IDF) right, in percent? And if it also sees the pairs of consecutive words?

# %%
percent_right_bag = None
percent_right_pairs = None

# %% slide="fragment"
train_texts = word_order.sentences("train")
metrics = json.loads((word_order.FOLDER / "metrics.json").read_text())
written = next(words for words in word_order.sentences("test", LANG) if 8 <= len(words) <= 12)
print("0:", " ".join(written))
print("1:", " ".join(word_order.swap(written, random.Random(2))[0]))


def standard_error(hits):
    """In points: of a share of right answers. The two versions of a sentence are no two draws: they count as one."""
    by_sentence = np.reshape(hits, (-1, 2)).mean(1)
    return 100 * float(by_sentence.std(ddof=1) / math.sqrt(len(by_sentence)))


def linear_baseline(ngrams):
    """Which test sentences TF-IDF and logistic regression are right about; trained on swaps of the training pages."""
    chance = random.Random(0)
    texts, labels = [], []
    for words in train_texts:
        if swapped := word_order.swap(words, chance):
            texts += [" ".join(words), " ".join(swapped[0])]
            labels += [0, 1]
    model = make_pipeline(
        TfidfVectorizer(ngram_range=ngrams, token_pattern=r"\S+", min_df=2, sublinear_tf=True),
        LogisticRegression(C=1.0, max_iter=200),
    ).fit(texts, labels)
    return model.predict([" ".join(words) for words in test_texts]) == test_labels


hits = {
    tr(es="TF-IDF, palabras", en="TF-IDF, words"): linear_baseline((1, 1)),
    tr(es="TF-IDF, palabras y parejas", en="TF-IDF, words and pairs"): linear_baseline((1, 2)),
    tr(es="TF-IDF, hasta tríos", en="TF-IDF, up to triples"): linear_baseline((1, 3)),
}
bag, pairs, triples = (100 * float(each.mean()) for each in hits.values())
linear = max(bag, pairs, triples)
compare(
    tr(es="bolsa de palabras: aciertos", en="bag of words: right answers"),
    predicted=percent_right_bag,
    measured=bag,
    unit="%",
)
compare(
    tr(es="con parejas de palabras: aciertos", en="with pairs of words: right answers"),
    predicted=percent_right_pairs,
    measured=pairs,
    unit="%",
)

# %% [markdown] lang="es" row="57" slide="subslide"
# La bolsa de palabras acierta **exactamente** la mitad: las dos versiones de cada frase le parecen iguales, y si acierta una falla la otra. Con parejas ve algunas que no había visto nunca juntas, y algo sabe. Esa línea base se queda en la tabla: un Transformer que no la supere no merece ni un gramo de optimización. (Le hemos dado ventaja: su `C` y sus n-gramas se eligieron con las mismas frases de prueba.)
#
# ### El profesor y sus alumnos
#
# El profesor es un Transformer de 4 capas y 128 de ancho, entrenado con el mismo libro (y con el punto de corte ajustado en otras páginas, de validación). Hay dos alumnos: la **mitad**, con la receta de [DistilBERT](https://arxiv.org/abs/1910.01108) (Sanh y otros, 2019: mismo ancho, la mitad de las capas, y empieza copiando una de cada dos del profesor), y el **pequeño**, de una capa y 64 de ancho, que no copia nada. Un aviso: la receta (de dónde parten los embeddings, cuántas pasadas) se eligió mirando páginas que luego fueron de prueba, así que los aciertos de los tres pueden ser algo optimistas.
#
# DistilBERT dice de sí mismo: 40 % más pequeño, 60 % más rápido y con el 97 % de lo que sabía. «60 % más rápido» es 1.6 veces más rápido, no el 60 % menos de tiempo (eso serían 2.5 veces). **Predice:** nuestra mitad, ¿cuántas veces más rápida será?
# %% [markdown] lang="en" row="57" slide="subslide"
# The bag of words is right **exactly** half of the time: the two versions of each sentence look the same to it, and when it is right about one it is wrong about the other. With pairs it sees some that it had never seen together, and knows a little. That baseline stays in the table: a Transformer that does not beat it does not deserve an ounce of optimization. (We gave it an advantage: its `C` and its n-grams were chosen on the test sentences themselves.)
#
# ### The teacher and its students
#
# The teacher is a Transformer of 4 layers and width 128, trained on the same book (and with its cut-off set on other pages, for validation). There are two students: the **half**, by the recipe of [DistilBERT](https://arxiv.org/abs/1910.01108) (Sanh et al., 2019: same width, half the layers, starting as a copy of every other one of the teacher's), and the **small** one, of one layer and width 64, which copies nothing. A warning: the recipe (where the embeddings start from, how many passes) was chosen while looking at pages that later became test pages, so the accuracy of all three may be somewhat optimistic.
#
# DistilBERT says of itself: 40 % smaller, 60 % faster, and keeping 97 % of what it knew. "60 % faster" is 1.6 times as fast, not 60 % less time (that would be 2.5 times). **Predict:** how many times as fast as the teacher will our half be?

# %%
times_as_fast_half = None

# %% slide="fragment"
models = {
    tr(es="profesor", en="teacher"): teacher,
    tr(es="mitad", en="half"): word_order_model.load("half"),
    tr(es="pequeño", en="small"): word_order_model.load("small"),
}
TEACHER, HALF, SMALL = models
if train_live:
    # es: el pequeño otra vez, con la receta de make.py: lo que dice el profesor de tres pasadas por el texto
    # en: the small one again, by make.py's recipe: what the teacher says about three passes over the text
    taught = [
        word_order_model.teach(teacher, batches)
        for batches in islice(word_order_model.passes(train_texts, vocabulary, seed=1), 3)
    ]
    shape = {key: models[SMALL].settings[key] for key in ("width", "layers")}
    models[SMALL] = word_order_model.new(train_texts, vocabulary, **shape)
    with tqdm(total=4, desc=tr(es="pasadas", en="passes")) as bar:
        word_order_model.train(
            models[SMALL],
            cycle(taught),
            epochs=4,
            alpha=0.7,
            rate=3e-3,
            progress=lambda *_: bar.update(),
        )
    word_order_model.calibrate(models[SMALL], vocabulary)
hits |= {
    name: (word_order_model.predict(model, test_texts, vocabulary) > 0) == test_labels
    for name, model in models.items()
}


def difference(name, base):
    """Points of accuracy of one over the other, and half the 95 % interval: the sentence pairs are drawn again."""
    gaps = 100 * (hits[name].astype(float) - hits[base]).reshape(-1, 2).mean(1)
    return float(gaps.mean()), 1.96 * float(gaps.std(ddof=1) / math.sqrt(len(gaps)))


def difference_text(name, base):
    gap, half = difference(name, base)
    return f"{gap:+.1f} ± {half:.1f}".replace("-", "−")


tables.show(
    bench.record(
        "06b/word-order",
        [
            {
                tr(es="modelo", en="model"): name,
                tr(es="parámetros", en="parameters"): parameters(models[name])
                if name in models
                else None,
                tr(es="aciertos (%)", en="right (%)"): 100 * float(right.mean()),
                tr(es="error típico", en="standard error"): standard_error(right),
                tr(es="frente al profesor (puntos)", en="against the teacher (points)"): "—"
                if name == TEACHER
                else difference_text(name, TEACHER),
            }
            for name, right in hits.items()
        ],
        sentences=len(test_labels),
    ),
    caption=tr(
        es=f"{len(test_labels)} frases de páginas con las que no se ha entrenado ningún modelo, la mitad con un intercambio; error típico por parejas",
        en=f"{len(test_labels)} sentences of pages that no model was trained on, half of them with a swap; standard error by pairs",
    ),
)
some = [torch.from_numpy(vocabulary.batch([words])) for words in test_texts[:16]]
with torch.inference_mode():
    halves = race(
        {
            name: (lambda model=model: [model(ids) for ids in some])
            for name, model in models.items()
        },
        rounds=rounds,
        cpu=True,
    )
sizes = {name: parameters(model) for name, model in models.items()}
# es: sin los embeddings, que el alumno hereda enteros: es lo que calcula
# en: without the embeddings, which the student inherits whole: it is what computes
computing = {name: sizes[name] - parameters(model.embedding) for name, model in models.items()}
tables.show(
    bench.record(
        "06b/distilbert-shape",
        [
            {
                "": "DistilBERT (2019)",
                tr(es="más pequeño (%)", en="smaller (%)"): 40.0,
                tr(es="sin embeddings (%)", en="without embeddings (%)"): None,
                tr(es="veces más rápido", en="times as fast"): 1.6,
                tr(es="conserva (%)", en="keeps (%)"): 97.0,
            },
            *(
                {
                    "": name,
                    tr(es="más pequeño (%)", en="smaller (%)"): 100
                    * (1 - sizes[name] / sizes[TEACHER]),
                    tr(es="sin embeddings (%)", en="without embeddings (%)"): 100
                    * (1 - computing[name] / computing[TEACHER]),
                    tr(es="veces más rápido", en="times as fast"): halves.faster(
                        name, TEACHER
                    ).median,
                    tr(es="conserva (%)", en="keeps (%)"): 100
                    * hits[name].mean()
                    / hits[TEACHER].mean(),
                }
                for name in (HALF, SMALL)
            ),
        ],
    ),
    caption=tr(
        es="La forma de DistilBERT, y la nuestra (PyTorch, de una en una, sin relleno)",
        en="DistilBERT's shape, and ours (PyTorch, one at a time, no padding)",
    ),
)
compare(
    tr(
        es="la mitad: veces más rápida que el profesor", en="the half: times as fast as the teacher"
    ),
    predicted=times_as_fast_half,
    measured=halves.faster(HALF, TEACHER).median,
    unit="×",
)

# %% [markdown] lang="es" row="46 57" slide="subslide"
# Los embeddings no encogen al quitar capas, y aquí son una parte grande del modelo: por eso el tamaño baja menos que el tiempo. «Conserva» se calcula como en el artículo, dividiendo; aquí adivinar ya es un 50 %, así que mira mejor la columna de puntos.
#
# La mitad acierta más que su profesor, y eso **no** demuestra que destilar mejore: parte de los pesos de él y se entrena dos pasadas más. Su control sería la misma copia, con esas pasadas y sin profesor, y no lo hemos hecho. Del pequeño sí: **el mismo alumno pequeño, con los mismos pasos y los mismos textos, sin profesor**. Son cinco parejas de alumnos; las hace [el programa del curso](../../datasets/word_order/README.md), porque entrenarlas lleva unos minutos.
#
# **Predice:** ¿cuántos puntos aporta el profesor?
# %% [markdown] lang="en" row="46 57" slide="subslide"
# The embeddings do not shrink when layers go, and here they are a large part of the model: that is why the size falls less than the time. "Keeps" is computed as in the paper, by division; here guessing is 50 % already, so rather look at the column of points.
#
# The half is right more often than its teacher, and that does **not** show that distilling improves: it starts from the teacher's weights and trains for two more passes. Its control would be the same copy trained for those passes without a teacher, and we have not made it. For the small one we have: **the same small student, in the same steps and on the same texts, without a teacher**. They are five pairs of students; [the program of the course](../../datasets/word_order/README.md) trains them, because training them takes some minutes.
#
# **Predict:** how many points does the teacher add?

# %%
points_of_the_teacher = None

# %% slide="fragment"
by_arm = {
    arm: np.array([100 * run["right"] / run["of"] for run in metrics[f"small/{arm}"]])
    for arm in ("taught", "alone")
}
spent = {
    arm: sum(run["cpu_seconds"] for run in metrics[f"small/{arm}"]) / len(by_arm[arm])
    for arm in by_arm
}
tables.show(
    bench.record(
        "06b/word-order-control",
        [
            {
                tr(es="alumno pequeño", en="small student"): name,
                tr(es="aciertos (%), media", en="right (%), mean"): float(by_arm[arm].mean()),
                tr(es="de", en="from"): float(by_arm[arm].min()),
                tr(es="a", en="to"): float(by_arm[arm].max()),
                tr(es="CPU por alumno (s)", en="CPU per student (s)"): spent[arm],
                tr(es="más el profesor (s)", en="plus the teacher (s)"): float(
                    (metrics["teacher"][0]["cpu_seconds"] + metrics["labelling_cpu_seconds"])
                    * (arm == "taught")
                ),
            }
            for arm, name in (
                ("taught", tr(es="con profesor", en="with a teacher")),
                ("alone", tr(es="sin profesor", en="without one")),
            )
        ],
        seeds=len(by_arm["alone"]),
    ),
    caption=tr(
        es=f"Medido al hacer los modelos, no ahora. Con profesor − sin profesor: {plus_minus(by_arm['taught'] - by_arm['alone'])} puntos ({len(by_arm['alone'])} semillas, emparejadas, 95 %)",
        en=f"Measured when the models were made, not now. With − without a teacher: {plus_minus(by_arm['taught'] - by_arm['alone'])} points ({len(by_arm['alone'])} seeds, paired, 95 %)",
    ),
)
compare(
    tr(es="puntos que aporta el profesor", en="points that the teacher adds"),
    predicted=points_of_the_teacher,
    measured=float((by_arm["taught"] - by_arm["alone"]).mean()),
    unit=tr(es="puntos", en="points"),
)

# %% [markdown] lang="es" row="57" slide="slide"
# ## La escalera
#
# Cada peldaño es una decisión, y todos se pueden combinar: modelo (profesor o pequeño), entrada (rellena hasta 64 palabras o no), y cómo se ejecuta (PyTorch paso a paso, ONNX Runtime en float32 u ONNX Runtime con pesos int8). Son $2 \times 2 \times 3 = 12$ programas, y los medimos **todos** en la misma carrera, con las mismas frases, de una en una y con un hilo.
#
# Hay dos líneas base. La **ingenua**, con la que se comparan los anuncios: el profesor en PyTorch con relleno. Y la **honrada**: el profesor tal como lo serviría cualquiera que supiera exportarlo, en ONNX Runtime, float32 y sin relleno.
#
# **Predice:** ¿cuántas veces más rápida será la mejor combinación que la base ingenua? ¿Y que la honrada?
# %% [markdown] lang="en" row="57" slide="slide"
# ## The ladder
#
# Each step is a decision, and all of them can be combined: model (teacher or small), input (padded to 64 words or not), and how it is run (PyTorch step by step, ONNX Runtime in float32, or ONNX Runtime with int8 weights). They are $2 \times 2 \times 3 = 12$ programs, and we measure **all** of them in the same race, on the same sentences, one at a time and with one thread.
#
# There are two baselines. The **naive** one, which announcements are compared with: the teacher in PyTorch, padded. And the **fair** one: the teacher as anybody who can export it would serve it, in ONNX Runtime, float32 and without padding.
#
# **Predict:** how many times as fast as the naive baseline will the best combination be? And as the fair one?

# %%
times_over_naive = None
times_over_fair = None

# %% slide="fragment"
LIMIT = 64
folder = workspace()


def exported(model, name):
    """{"fp32": path, "int8": path} of the model in ONNX, for any number of sentences of any length."""
    paths = {kind: folder / f"{name}.{kind}.onnx" for kind in ("fp32", "int8")}
    # es: el exportador y el cuantizador avisan de cosas que aquí no importan
    # en: the exporter and the quantizer warn about things that do not matter here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.ones(2, 9, dtype=torch.int64),),
            paths["fp32"],
            input_names=["ids"],
            output_names=["logits"],
            dynamic_axes={"ids": {0: "sentences", 1: "words"}},
            opset_version=17,
            dynamo=False,
        )
        logging.getLogger().setLevel(logging.ERROR)
        quantize_dynamic(
            paths["fp32"], paths["int8"], weight_type=QuantType.QInt8, per_channel=True
        )
    return paths


def session(path, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def eager(model):
    """A program: (n, T) ids -> (n, 2) logits."""

    def run(ids):
        with torch.inference_mode():
            return model(torch.from_numpy(ids)).numpy()

    return run


def in_onnx(path, threads=1):
    opened = session(path, threads)
    return lambda ids: opened.run(None, {"ids": ids})[0]


files = {name: exported(models[name], str(i)) for i, name in enumerate((TEACHER, SMALL))}
NAMES_OF = {"eager": "PyTorch", "fp32": "ORT fp32", "int8": "ORT int8"}
programs = {
    (name, how): eager(models[name]) if how == "eager" else in_onnx(files[name][how])
    for name in files
    for how in NAMES_OF
}


def answer_all(program, texts, length=None):
    """One request after another, encoding included."""
    return [program(vocabulary.batch([words], length))[0] for words in texts]


chosen = [test_texts[i] for i in np.random.default_rng(0).permutation(len(test_texts))[:24]]
PADDED = {True: tr(es="con relleno", en="padded"), False: tr(es="sin relleno", en="not padded")}
ladder = race(
    {
        (name, padded, how): (
            lambda program=program, padded=padded: answer_all(
                program, chosen, LIMIT if padded else None
            )
        )
        for (name, how), program in programs.items()
        for padded in PADDED
    },
    rounds=rounds,
    warmup=1,
    min_seconds=0.02,
    cpu=True,
)
NAIVE, FAIR, BEST = (TEACHER, True, "eager"), (TEACHER, False, "fp32"), (SMALL, False, "int8")
for name, how in programs:
    if how == "int8":
        # es: la exactitud del int8 se mide, no se supone: sin relleno, en lotes de frases de la misma longitud
        # en: int8's accuracy is measured, not assumed: no padding, in batches of sentences of the same length
        hits[f"{name}, int8"] = (
            word_order.in_groups(programs[name, how], test_texts, vocabulary) == test_labels
        )
rows = []
for (name, padded, how), seconds in ladder.seconds.items():
    right = hits[f"{name}, int8" if how == "int8" else name]
    over_naive = ladder.faster((name, padded, how), NAIVE)
    rows.append(
        {
            tr(es="modelo", en="model"): name,
            tr(es="entrada", en="input"): PADDED[padded],
            tr(es="se ejecuta en", en="run by"): NAMES_OF[how],
            tr(es="MB en disco", en="MB on disk"): (
                4 * sizes[name] if how == "eager" else files[name][how].stat().st_size
            )
            / 1e6,
            tr(es="ms por frase", en="ms a sentence"): 1000
            * float(np.median(seconds))
            / len(chosen),
            tr(es="veces la ingenua", en="times as fast as the naive"): over_naive.median,
            tr(es="(95 %)", en="(95 %)"): f"{over_naive.low:.1f}–{over_naive.high:.1f}",
            tr(es="veces la honrada", en="times as fast as the fair"): ladder.faster(
                (name, padded, how), FAIR
            ).median,
            tr(es="aciertos (%)", en="right (%)"): 100 * float(right.mean()),
        }
    )
tables.show(
    bench.record("06b/ladder-all", rows),
    caption=tr(
        es=f"Los doce programas: {len(chosen)} frases de una en una, un hilo, tiempo de CPU. La mejor línea base lineal acierta el {linear:.1f} %",
        en=f"The twelve programs: {len(chosen)} sentences one at a time, one thread, CPU time. The best linear baseline is right {linear:.1f} % of the time",
    ),
)

# %% slide="fragment" tags=["hide-input"]
path = [
    (tr(es="base ingenua", en="naive baseline"), NAIVE),
    (tr(es="modelo más pequeño", en="smaller model"), (SMALL, True, "eager")),
    (tr(es="sin relleno", en="no padding"), (SMALL, False, "eager")),
    (tr(es="ONNX Runtime", en="ONNX Runtime"), (SMALL, False, "fp32")),
    (tr(es="pesos int8", en="int8 weights"), BEST),
]
steps = [
    ladder.faster(after, before) for (_, before), (_, after) in zip(path, path[1:], strict=False)
]
product = math.prod(step.median for step in steps)
whole, over_fair = ladder.faster(BEST, NAIVE), ladder.faster(BEST, FAIR)
tables.show(
    bench.record(
        "06b/ladder-steps",
        [
            {
                tr(es="peldaño", en="step"): label,
                tr(es="factor", en="factor"): step.median,
                tr(es="de (95 %)", en="from (95 %)"): step.low,
                tr(es="a", en="to"): step.high,
            }
            for (label, _), step in zip(path[1:], steps, strict=True)
        ],
        product=product,
        sum=sum(step.median for step in steps),
        naive=list(whole),
        fair=list(over_fair),
    ),
    caption=tr(
        es=f"Los factores se multiplican: {product:.1f} (sumados darían {sum(step.median for step in steps):.1f}). De punta a punta, medido: {whole.median:.1f}",
        en=f"Factors multiply: {product:.1f} (added up they would give {sum(step.median for step in steps):.1f}). End to end, measured: {whole.median:.1f}",
    ),
)
fig, ax = plots.subplots(figsize=(8.4, 3.2))
milliseconds = [1000 * ladder.median(key) / len(chosen) for _, key in path]
where = range(len(path))
ax.plot(milliseconds, where, "o-", color=plots.BLUE)
for row, value in zip(where, milliseconds, strict=True):
    ax.annotate(
        f"{value:.2f} ms",
        (value, row),
        xytext=(-9, 5),
        textcoords="offset points",
        fontsize=9,
        ha="right",
        va="center",
    )
fair_ms = 1000 * ladder.median(FAIR) / len(chosen)
ax.axvline(fair_ms, color=plots.VERMILION, ls="--", lw=1.5)
ax.annotate(
    tr(
        es=f"base honrada: {fair_ms:.2f} ms",
        en=f"fair baseline: {fair_ms:.2f} ms",
    ),
    (fair_ms, len(path) - 1),
    xytext=(6, 0),
    textcoords="offset points",
    color=plots.VERMILION,
    fontsize=9,
    va="center",
)
ax.set_yticks(where, [label for label, _ in path])
ax.set_ylabel(tr(es="peldaño", en="step"))
ax.set_xscale("log")
ax.set_xlim(min(milliseconds) / 2, max(milliseconds) * 3)
ax.set_ylim(len(path) - 0.5, -0.5)
ax.grid(visible=False, axis="y")
ax.grid(axis="x")
ax.set_xlabel(tr(es="ms por frase (escala logarítmica)", en="ms a sentence (logarithmic scale)"))
plots.show(
    fig,
    alt=tr(
        es="Milisegundos por frase en cada peldaño, en escala logarítmica. Una línea marca la base honrada, que queda entre las dos puntas.",
        en="Milliseconds a sentence at each step, on a logarithmic scale. A line marks the fair baseline, which lies between both ends.",
    ),
)
compare(
    tr(es="la mejor frente a la base ingenua", en="the best against the naive baseline"),
    predicted=times_over_naive,
    measured=whole.median,
    unit="×",
)
compare(
    tr(es="la mejor frente a la base honrada", en="the best against the fair baseline"),
    predicted=times_over_fair,
    measured=over_fair.median,
    unit="×",
)
# es: la base ingenua es la que uno quiera: la misma red, con más relleno
# en: the naive baseline is whatever one wants it to be: the same network, with more padding
more = race(
    {
        "128": lambda: answer_all(programs[TEACHER, "eager"], chosen, 128),
        "best": lambda: answer_all(programs[SMALL, "int8"], chosen),
    },
    rounds=rounds,
    warmup=1,
    min_seconds=0.02,
    cpu=True,
).faster("best", "128")
print(
    tr(
        es=f"Con el relleno hasta 128 palabras, la misma mejora se anunciaría como {more.median:.0f} veces ({more.low:.0f}–{more.high:.0f}).",
        en=f"With the padding up to 128 words, the same improvement would be announced as {more.median:.0f} times ({more.low:.0f}–{more.high:.0f}).",
    )
)
final = f"{SMALL}, int8"
gap, _ = difference(final, TEACHER)
over_linear = 100 * float(hits[final].mean()) - linear
allowed = standard_error(hits[TEACHER])
teacher_run = metrics["teacher"][0]
mean_gap = float(by_arm["taught"].mean()) - 100 * teacher_run["right"] / teacher_run["of"]
goals = (
    (
        tr(es="veces la base ingenua", en="times as fast as the naive baseline"),
        "≥ 30",
        whole.median,
        whole.median >= 30,
    ),
    (
        tr(es="veces la base honrada", en="times as fast as the fair baseline"),
        "≥ 5",
        over_fair.median,
        over_fair.median >= 5,
    ),
    *(
        (
            what,
            tr(
                es=f"≥ −{allowed:.2f} (un error típico)",
                en=f"≥ −{allowed:.2f} (one standard error)",
            ),
            points,
            points >= -allowed,
        )
        for what, points in (
            (tr(es="puntos respecto al profesor", en="points from the teacher"), gap),
            (
                tr(
                    es="lo mismo, media de las cinco semillas, en float32",
                    en="the same, mean of the five seeds, in float32",
                ),
                mean_gap,
            ),
        )
    ),
    (
        tr(es="puntos sobre la mejor línea base lineal", en="points over the best linear baseline"),
        "> 0",
        over_linear,
        over_linear > 0,
    ),
)
tables.show(
    bench.record(
        "06b/goals",
        [
            {
                tr(es="objetivo, sin caché", en="goal, without a cache"): what,
                tr(es="nos propusimos", en="what we aimed at"): aim,
                tr(es="medido", en="measured"): value,
                tr(es="conseguido aquí", en="reached here"): bool(reached_it),
            }
            for what, aim, value, reached_it in goals
        ],
    ),
    caption=tr(
        es=f"El pequeño en int8, sin relleno. Diferencia con el profesor: {difference_text(final, TEACHER)} puntos (95 %)",
        en=f"The small one in int8, without padding. Difference from the teacher: {difference_text(final, TEACHER)} points (95 %)",
    ),
)

# %% [markdown] lang="es" row="57" slide="subslide"
# Dos cifras para el mismo trabajo. La que se publicaría es la primera; la que dice cuánto mejora tu servicio es la segunda, porque nadie sirve en serio la base ingenua. (El producto de los peldaños y lo medido de punta a punta no coinciden del todo: son medianas, y cada una tiene su ruido.) Y una tercera cosa, que no se ve en ninguna de las dos: si el alumno pierde exactitud. Míralo antes que el tiempo.
#
# De la exactitud, lo honrado es esto: el alumno que servimos es el mejor de cinco semillas, y eso lo favorece; la media de las cinco queda a más de un error típico del profesor, y la receta se eligió viendo páginas que luego fueron de prueba; así que no podemos decir «sin perder más de un error típico», sino «se pierde alrededor de un punto».
#
# Las 30 veces de Roblox no están garantizadas aquí, y conviene ver por qué: allí había 12 capas que adelgazar, y aquí el modelo acaba siendo tan pequeño que manda lo fijo, lo que cuesta preparar las palabras y llamar al motor. Mira el peldaño de int8: en el modelo pequeño, de una en una, puede no dar nada (los pesos ocupan la cuarta parte, pero ya cabían en la caché del procesador, y cuantizar las entradas cuesta); en el profesor suele notarse más.
#
# ### El orden importa
#
# Un factor no es una propiedad de una técnica: depende de **lo que ya has hecho**. **Predice:** quitar el relleno, ¿ayuda más al principio (profesor, PyTorch) o al final (pequeño, int8)?
#
# - `"first"`: más al principio.
# - `"last"`: más al final.
# - `"same"`: igual, o no se distinguen (los intervalos se solapan).
# %% [markdown] lang="en" row="57" slide="subslide"
# Two figures for the same work. The one that would be published is the first; the one that says how much your service improves is the second, because nobody seriously serves the naive baseline. (The product of the steps and what was measured end to end do not quite agree: they are medians, each with its noise.) And a third thing, which neither shows: whether the student loses accuracy. Look at that before the time.
#
# About accuracy, the honest account is this: the student that we serve is the best of five seeds, which flatters it; the mean of the five lies more than one standard error below the teacher, and the recipe was chosen while looking at pages that later became test pages; so we cannot say "losing no more than one standard error", but "about one point is lost".
#
# Roblox's 30 times are not guaranteed here, and it is worth seeing why: they had 12 layers to thin out, and here the model ends up so small that the fixed costs dominate: preparing the words and calling the engine. Look at the step of int8: on the small model, one at a time, it may give nothing (the weights take a quarter of the room, but they fitted into the processor's cache already, and quantizing the inputs costs); on the teacher it usually shows more.
#
# ### Order matters
#
# A factor is not a property of a technique: it depends on **what you have done already**. **Predict:** does taking the padding out help more at the beginning (teacher, PyTorch) or at the end (small, int8)?
#
# - `"first"`: more at the beginning.
# - `"last"`: more at the end.
# - `"same"`: alike, or they cannot be told apart (the intervals overlap).

# %%
padding_helps_more = None

# %% slide="fragment"
decisions = {
    tr(es="modelo más pequeño", en="smaller model"): [
        ((TEACHER, padded, how), (SMALL, padded, how)) for padded in PADDED for how in NAMES_OF
    ],
    tr(es="sin relleno", en="no padding"): [
        ((name, True, how), (name, False, how)) for name in files for how in NAMES_OF
    ],
    tr(es="PyTorch → ORT", en="PyTorch → ORT"): [
        ((name, padded, "eager"), (name, padded, "fp32")) for name in files for padded in PADDED
    ],
    tr(es="fp32 → int8", en="fp32 → int8"): [
        ((name, padded, "fp32"), (name, padded, "int8")) for name in files for padded in PADDED
    ],
}


def called(key):
    name, padded, how = key
    return f"{name}, {PADDED[padded]}, {NAMES_OF[how]}"


rows = []
for decision, pairs_of in decisions.items():
    factors = sorted(
        (ladder.faster(after, before).median, called(before)) for before, after in pairs_of
    )
    rows.append(
        {
            tr(es="decisión", en="decision"): decision,
            tr(es="menor factor", en="smallest factor"): factors[0][0],
            tr(es="partiendo de", en="starting from"): factors[0][1],
            tr(es="mayor factor", en="largest factor"): factors[-1][0],
            tr(es="partiendo de ", en="starting from "): factors[-1][1],
        }
    )
tables.show(
    bench.record("06b/order", rows),
    caption=tr(
        es="La misma decisión, según lo que ya estuviera hecho",
        en="The same decision, depending on what was done already",
    ),
)
first = ladder.faster((TEACHER, False, "eager"), NAIVE)
last = ladder.faster(BEST, (SMALL, True, "int8"))
choose(
    tr(es="Quitar el relleno ayuda…", en="Taking the padding out helps…"),
    {
        "first": tr(es="más al principio", en="more at the beginning"),
        "last": tr(es="más al final", en="more at the end"),
        "same": tr(es="igual, o no se distinguen", en="alike, or they cannot be told apart"),
    },
    padding_helps_more,
    "first" if first.low > last.high else "last" if last.low > first.high else "same",
    tr(
        es=f"Al principio, {first.median:.1f} veces ({first.low:.1f}–{first.high:.1f}); al final, {last.median:.1f} ({last.low:.1f}–{last.high:.1f}).",
        en=f"At the beginning, {first.median:.1f} times ({first.low:.1f}–{first.high:.1f}); at the end, {last.median:.1f} ({last.low:.1f}–{last.high:.1f}).",
    ),
)

# %% [markdown] lang="es" row="57" slide="subslide"
# Compara los dos factores de cada fila de la tabla: son de la misma decisión, y lo único que cambia es de dónde se parte. (El relleno puede dar lo mismo en los dos extremos por los que se pregunta: mira la fila entera.) Es la ley de Amdahl: acelerar una parte no puede ahorrar más que el tiempo que esa parte ocupaba. Cuando lo demás ya es barato, lo que cuesta es lo que no has tocado (aquí, convertir palabras en números, llamar al motor, cuantizar las entradas al vuelo). Por eso la tabla de una charla no se puede trasplantar peldaño a peldaño.
#
# ### Latencia y caudal
#
# Hasta aquí, frases de una en una: **latencia**. Si llegan muchas, se agrupan: **caudal**. En un lote, «sin relleno» significa ordenar por longitud y rellenar solo hasta la más larga del grupo.
# %% [markdown] lang="en" row="57" slide="subslide"
# Compare the two factors of each row of the table: they belong to the same decision, and only the starting point changes. (Taking the padding out may give the same at the two ends that the question asks about: look at the whole row.) This is Amdahl's law: speeding up one part cannot save more than the time which that part took. When the rest is cheap already, what costs is what you have not touched (here, turning words into numbers, calling the engine, quantizing the inputs on the fly). That is why a talk's table cannot be transplanted step by step.
#
# ### Latency and throughput
#
# Up to here, sentences one at a time: **latency**. If many arrive, they are grouped: **throughput**. In a batch, "no padding" means sorting by length and padding only up to the longest of the group.

# %% slide="fragment"
many = [test_texts[i] for i in np.random.default_rng(1).permutation(len(test_texts))[:128]]
by_length = sorted(many, key=len)


def in_batches(program, texts, length=None, size=32):
    for start_at in range(0, len(texts), size):
        program(vocabulary.batch(texts[start_at : start_at + size], length))


bulk = race(
    {
        called(NAIVE): lambda: in_batches(programs[TEACHER, "eager"], many, LIMIT),
        called(FAIR): lambda: in_batches(programs[TEACHER, "fp32"], by_length),
        called((SMALL, False, "fp32")): lambda: in_batches(programs[SMALL, "fp32"], by_length),
        called(BEST): lambda: in_batches(programs[SMALL, "int8"], by_length),
    },
    rounds=rounds,
    warmup=1,
    min_seconds=0.0,
    cpu=True,
)
tables.show(
    bench.record(
        "06b/throughput",
        [
            {
                tr(es="programa", en="program"): name,
                tr(es="de una en una (frases/s)", en="one at a time (sentences/s)"): len(chosen)
                / ladder.median(key),
                tr(es="en lotes de 32 (frases/s)", en="in batches of 32 (sentences/s)"): len(many)
                / bulk.median(name),
                tr(
                    es="caudal, veces la ingenua", en="throughput, times that of the naive"
                ): bulk.faster(name, called(NAIVE)).median,
                tr(es="veces la honrada", en="times that of the fair"): bulk.faster(
                    name, called(FAIR)
                ).median,
            }
            for key in (NAIVE, FAIR, (SMALL, False, "fp32"), BEST)
            for name in [called(key)]
        ],
    ),
    caption=tr(
        es="Un hilo; en lotes, la respuesta espera a que se llene el lote",
        en="One thread; in batches, an answer waits until the batch is full",
    ),
)

# %% [markdown] lang="es" row="57" slide="subslide"
# ### Menos peticiones y menos hilos
#
# La petición más barata es la que no se hace. Pero lo que multiplica una **caché** no es mérito del modelo, sino del **tráfico**: si una parte $h$ de las peticiones ya se ha visto y buscarlas no cuesta casi nada, el factor es $1/(1-h)$. Simulamos tres tráficos de `requests` peticiones (el parámetro del principio: 2500) sobre las frases de prueba, que son algunas más: todas distintas, unas pocas muy repetidas (una ley de Zipf) y más repetidas aún. Y la caché es finita: caben 200 respuestas, y se tira la que lleva más tiempo sin pedirse.
#
# **Predice:** con la ley de Zipf de exponente 1, ¿qué porcentaje de aciertos tendrá la caché?
# %% [markdown] lang="en" row="57" slide="subslide"
# ### Fewer requests and fewer threads
#
# The cheapest request is the one that is not made. But what a **cache** multiplies is not to the model's credit, but to the **traffic**'s: if a share $h$ of the requests has been seen already and looking them up costs next to nothing, the factor is $1/(1-h)$. We simulate three kinds of traffic, of `requests` requests (the parameter at the top: 2500), over the test sentences, of which there are a few more: all different, a few often repeated (a Zipf law), and more repeated still. And the cache is finite: 200 answers fit, and the one that has gone longest without being asked for is dropped.
#
# **Predict:** with the Zipf law of exponent 1, what percentage of hits will the cache have?

# %%
percent_of_hits = None


# %% slide="fragment"
def cached(program, size):
    """(a program of one sentence that remembers its last `size` answers, its count of hits)."""
    answers, counts = OrderedDict(), {"hits": 0}

    def run(words):
        key = tuple(words)
        if key in answers:
            counts["hits"] += 1
            answers.move_to_end(key)
            return answers[key]
        answers[key] = program(vocabulary.batch([words]))[0]
        if len(answers) > size:
            answers.popitem(last=False)
        return answers[key]

    return run, counts


best_program = programs[SMALL, "int8"]
rows, hit_rates = [], {}
for exponent in (None, 1.0, 1.5):
    chance = np.random.default_rng(3)
    if exponent is None:
        trace = chance.permutation(len(test_texts))[:requests]
    else:
        popularity = 1 / np.arange(1, len(test_texts) + 1) ** exponent
        trace = chance.choice(len(test_texts), size=requests, p=popularity / popularity.sum())
    with_cache, counts = cached(best_program, 200)
    begin = process_time()
    for i in trace:
        with_cache(test_texts[i])
    spent_with = process_time() - begin
    begin = process_time()
    for i in trace:
        best_program(vocabulary.batch([test_texts[i]]))
    spent_without = process_time() - begin
    hit_rates[exponent] = counts["hits"] / len(trace)
    rows.append(
        {
            tr(es="tráfico", en="traffic"): tr(es="todas distintas", en="all different")
            if exponent is None
            else f"Zipf {exponent}",
            tr(es="aciertos de la caché (%)", en="cache hits (%)"): 100 * hit_rates[exponent],
            tr(es="factor 1/(1−h)", en="factor 1/(1−h)"): 1 / (1 - hit_rates[exponent]),
            tr(es="factor medido (CPU)", en="measured factor (CPU)"): spent_without / spent_with,
        }
    )
tables.show(
    bench.record("06b/cache", rows, requests=requests),
    caption=tr(
        es=f"{requests} peticiones y una caché de 200 respuestas. El tráfico es simulado",
        en=f"{requests} requests and a cache of 200 answers. The traffic is simulated",
    ),
)
compare(
    tr(es="aciertos de la caché, Zipf 1", en="cache hits, Zipf 1"),
    predicted=percent_of_hits,
    measured=100 * hit_rates[1.0],
    unit="%",
)

# %% [markdown] lang="es" row="57" slide="subslide"
# Por eso la caché se queda **fuera** del producto: la tabla dice cuánto vale con tres tráficos inventados, y con el tuyo valdrá otra cosa. (De la caché de Roblox circula una tasa de aciertos en resúmenes de otros; no la repetimos, porque no la hemos podido comprobar en lo que ellos publicaron.) Un corrector de frases de un teclado acertaría poco; un filtro de mensajes de chat, con sus «hola» y «gg», mucho.
#
# Quedan los **hilos**. Con varios hilos por petición baja la latencia de una, si la red es grande; con un hilo por petición y varias a la vez, sube el caudal. **Predice:** con dos núcleos, ¿qué da más frases por segundo con el modelo pequeño: una petición con dos hilos, o dos peticiones con uno? (Aquí se mide el tiempo de reloj: el de CPU no nota lo que dos núcleos hacen a la vez.)
#
# - `"inside"`: dos hilos dentro de cada petición.
# - `"outside"`: un hilo por petición, y dos peticiones a la vez.
# - `"neither"`: ninguna de las dos se distingue de un hilo.
# %% [markdown] lang="en" row="57" slide="subslide"
# That is why the cache stays **out** of the product: the table says what it is worth with three invented kinds of traffic, and with yours it will be worth something else. (Summaries by others give a hit rate for Roblox's cache; we do not repeat it, because we could not check it in what Roblox published.) A keyboard's sentence checker would rarely hit; a filter of chat messages, with their "hi" and "gg", often.
#
# That leaves the **threads**. With several threads a request, the latency of one goes down, if the network is large; with one thread a request and several at once, throughput goes up. **Predict:** with two cores, what gives more sentences a second with the small model: one request with two threads, or two requests at once with one each? (Here wall-clock time is measured: CPU time does not see what two cores do at once.)
#
# - `"inside"`: two threads inside each request.
# - `"outside"`: one thread a request, and two requests at once.
# - `"neither"`: neither can be told from one thread.

# %%
threads_where = None

# %% slide="fragment"
work = {
    name: [vocabulary.batch([words]) for words in many[:count]]
    for name, count in ((TEACHER, 16), (SMALL, 64))
}
workers = open_until_the_end.enter_context(ThreadPoolExecutor(2))
contestants = {}
for name, batches in work.items():
    kind = "fp32" if name == TEACHER else "int8"
    alone_1, alone_2 = (in_onnx(files[name][kind], threads) for threads in (1, 2))
    contestants[name, "1"] = lambda run=alone_1, batches=batches: [run(ids) for ids in batches]
    contestants[name, "inside"] = lambda run=alone_2, batches=batches: [run(ids) for ids in batches]
    # es: ONNX Runtime suelta el GIL mientras calcula, así que dos hilos de Python usan dos núcleos
    # en: ONNX Runtime releases the GIL while it computes, so two Python threads use two cores
    contestants[name, "outside"] = lambda run=alone_1, batches=batches: list(
        workers.map(lambda half: [run(ids) for ids in half], (batches[::2], batches[1::2]))
    )
threading_race = race(contestants, rounds=rounds, warmup=1)
LABELS = {
    "1": tr(es="un hilo", en="one thread"),
    "inside": tr(es="dos hilos en cada petición", en="two threads in each request"),
    "outside": tr(
        es="dos peticiones a la vez, de un hilo", en="two requests at once, of one thread"
    ),
}
tables.show(
    bench.record(
        "06b/threads",
        [
            {
                tr(es="modelo", en="model"): name,
                tr(es="hilos", en="threads"): LABELS[where],
                tr(es="frases/s", en="sentences/s"): len(work[name])
                / threading_race.median((name, where)),
                tr(es="veces un hilo", en="times as fast as one thread"): threading_race.faster(
                    (name, where), (name, "1")
                ).median,
                tr(es="de (95 %)", en="from (95 %)"): threading_race.faster(
                    (name, where), (name, "1")
                ).low,
                tr(es="a", en="to"): threading_race.faster((name, where), (name, "1")).high,
            }
            for name, where in contestants
        ],
        cores=os.cpu_count(),
    ),
    caption=tr(
        es=f"Esta máquina declara {os.cpu_count()} núcleos; lo que de ellos usan otros programas no se cuenta. Las frases/s salen del tiempo mediano, y el cociente, ronda a ronda: con la máquina ocupada pueden no cuadrar",
        en=f"This machine reports {os.cpu_count()} cores; what other programs take of them is not counted. Sentences/s come from the median time, and the ratio, round by round: on a busy machine they may disagree",
    ),
)
gained = {
    where: threading_race.faster((SMALL, where), (SMALL, "1")) for where in ("inside", "outside")
}
better = max(gained, key=lambda where: gained[where].median)
# es: si el intervalo llega a 1, no se ha visto que ninguna gane
# en: if the interval reaches 1, neither has been seen to win
if gained[better].low <= 1:
    better = "neither"
choose(
    tr(
        es="Con el modelo pequeño da más caudal que un hilo…",
        en="With the small model, more throughput than one thread comes from…",
    ),
    {
        "inside": tr(es="dos hilos dentro de cada petición", en="two threads inside each request"),
        "outside": tr(es="dos peticiones a la vez", en="two requests at once"),
        "neither": tr(
            es="no se distingue: ningún intervalo queda por encima de 1",
            en="cannot be told: no interval stays above 1",
        ),
    },
    threads_where,
    better,
    tr(
        es="Una red pequeña apenas tiene trabajo que repartir dentro de una petición, y repartirlo cuesta; entre peticiones no hay nada que coordinar, pero hace falta que el otro núcleo esté libre.",
        en="A small network has hardly any work to share out within a request, and sharing costs; between requests there is nothing to coordinate, but the other core must be free.",
    ),
)

# %% [markdown] lang="es" row="57" slide="slide"
# ## ¿Y con mil veces más?
#
# - **Mil veces más tráfico.** El caudal se compra con procesos de un hilo y más máquinas: crece en línea recta. Lo que cambia es lo demás: la caché compartida es ahora un servicio con su latencia; agrupar en lotes pasa a ser posible sin esperar; y un 1 % más barato es dinero, así que conviene volver a medir cada peldaño **en la máquina que se alquila** (¿tiene instrucciones int8, VNNI o AMX?).
# - **Un modelo mil veces mayor.** Los factores cambian de sitio: lo que aquí se va en llamar al motor allí no se nota, y manda leer los pesos de memoria; int8 (o 4 bits) ayuda más que aquí, y quitar el relleno también. El alumno ya no se entrena en minutos: «La cuenta completa» es lo primero que se mira.
# - **Mil veces más datos.** El resultado del control cambia con facilidad: con etiquetas de sobra, el profesor aporta menos; con textos sin etiquetar de sobra, más.
#
# **Lo que hay que llevarse:** un factor tiene base, intervalo y exactitud al lado, o es publicidad. Los factores se multiplican, pero no se trasplantan. Y el control de un alumno es él mismo, solo.
# %% [markdown] lang="en" row="57" slide="slide"
# ## And with a thousand times more?
#
# - **A thousand times the traffic.** Throughput is bought with one-thread processes and more machines: it grows linearly. What changes is the rest: the shared cache is now a service with a latency of its own; batching becomes possible without waiting; and 1 % cheaper is money, so each step is worth measuring again **on the machine that is rented** (has it int8 instructions, VNNI or AMX?).
# - **A model a thousand times as large.** The factors move: what calling the engine takes here goes unnoticed there, and reading the weights from memory dominates; int8 (or 4 bits) helps more than here, and so does taking the padding out. The student is no longer trained in minutes: "The full account" is the first thing to look at.
# - **A thousand times the data.** The control's result changes easily: with labels to spare the teacher adds less; with unlabelled texts to spare, more.
#
# **What to take away:** a factor comes with its base, its interval and the accuracy beside it, or it is advertising. Factors multiply, but they do not transplant. And a student's control is itself, alone.

# %% slide="skip"
open_until_the_end.close()

# %% [markdown] lang="es" slide="skip"
# Ahora te toca a ti, en los ejercicios de esta lección.
#
# **Para leer más:** Hinton, Vinyals y Dean, [*Distilling the Knowledge in a Neural Network*](https://arxiv.org/abs/1503.02531) (2015); Howard y otros, [*MobileNets*](https://arxiv.org/abs/1704.04861) (2017); Le y Kaehler, [*How We Scaled Bert To Serve 1+ Billion Daily Requests on CPUs*](https://blog.roblox.com/2020/05/scaled-bert-serve-1-billion-daily-requests-cpus/) (2020).
# %% [markdown] lang="en" slide="skip"
# Now it is your turn, in the exercises of this lesson.
#
# **Further reading:** Hinton, Vinyals and Dean, [*Distilling the Knowledge in a Neural Network*](https://arxiv.org/abs/1503.02531) (2015); Howard et al., [*MobileNets*](https://arxiv.org/abs/1704.04861) (2017); Le and Kaehler, [*How We Scaled Bert To Serve 1+ Billion Daily Requests on CPUs*](https://blog.roblox.com/2020/05/scaled-bert-serve-1-billion-daily-requests-cpus/) (2020).
