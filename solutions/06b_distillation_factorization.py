# ---
# title:
#   es: "Destilación y factorización: ejercicios"
#   en: "Distillation and factorization: exercises"
# unit: "06b"
# minutes: 225
# ---

# %% [markdown] lang="es"
# # Destilación y factorización: ejercicios
#
# Cinco tareas que se corrigen solas y una redacción. Casi cuatro horas en total; puedes hacerlas en cualquier orden y dejar alguna sin hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. La pérdida de la destilación | 5 | 45 |
# | 2. ¿Ayuda el profesor, y qué cuesta? | 5 | 40 |
# | 3. Un producto de dos matrices más pequeñas | 6 | 45 |
# | 4. La convolución de MobileNet | 5 | 35 |
# | 5. Una escalera de factores | 5 | 25 |
# | 6. Redacción: treinta veces más rápido | 4 | 35 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar los nombres ni los argumentos. Las celdas siguientes, en orden, comprueban parte de lo que se pide y, si algo falla, dicen qué esperaban y qué han recibido. Al corregir se añaden **comprobaciones ocultas**: otros datos, otras formas, casos raros. Nunca miden cuánto tarda tu código: miran gradientes, formas, bytes y recuentos. Las celdas de comprobación no hace falta leerlas: basta con ejecutarlas.
#
# **Dónde ocurre.** Todo en memoria y con matrices pequeñas; no se entrena ninguna red. La tarea 1 usa `torch`; las demás, NumPy o Python a secas. Puedes escribir funciones auxiliares en la celda de tu respuesta.
# %% [markdown] lang="en"
# # Distillation and factorization: exercises
#
# Five tasks that are graded automatically and one essay. Nearly four hours in all; you may do them in any order and leave some out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. The loss of distillation | 5 | 45 |
# | 2. Does the teacher help, and what does it cost? | 5 | 40 |
# | 3. A product of two smaller matrices | 6 | 45 |
# | 4. MobileNet's convolution | 5 | 35 |
# | 5. A ladder of factors | 5 | 25 |
# | 6. Essay: thirty times faster | 4 | 35 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in place of each `raise NotImplementedError`, and change neither the names nor the arguments. The next cells, in order, check part of what is asked and, when something fails, say what they expected and what they got. Grading adds **hidden checks**: other data, other shapes, odd cases. They never measure how long your code takes: they look at gradients, shapes, bytes and counts. You need not read the test cells: running them is enough.
#
# **Where it happens.** All in memory and with small arrays; no network is trained. Task 1 uses `torch`; the others, NumPy or plain Python. You may write helper functions in the cell of your answer.

# %%
import math
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import torch
from scipy import stats
from torch.nn import functional as F

from mlprod import start, tr

start(LANG)
torch.set_num_threads(1)

# %% [markdown] lang="es" row="46"
# ## 1. La pérdida de la destilación (5 puntos)
#
# El alumno (*student*) aprende de dos fuentes: las etiquetas y lo que el profesor (*teacher*) opina de **todas** las clases, ablandado con una temperatura $T$ (Hinton, Vinyals y Dean, *Distilling the Knowledge in a Neural Network*, 2015). Completa `kd_loss(student_logits, teacher_logits, labels, T, alpha)`, que devuelve un número de `torch` (un tensor sin dimensiones):
#
# $$L = \alpha\,T^2\,\mathrm{KL}(p^t \,\|\, p^s) + (1-\alpha)\,\mathrm{CE}$$
#
# - $p^t$ y $p^s$ son las probabilidades de profesor y alumno: la softmax de sus logits **divididos los dos por $T$**. $\mathrm{KL}(p^t \| p^s) = \sum_c p^t_c\,(\log p^t_c - \log p^s_c)$ para cada ejemplo, y la **media de los ejemplos** del lote.
# - El factor $T^2$ **va en la fórmula** (hay quien lo omite): el gradiente de la KL encoge más o menos como $1/T^2$, y así el peso de cada parte apenas depende de la temperatura.
# - $\mathrm{CE}$ es la entropía cruzada del alumno con las etiquetas, **a temperatura 1**, y la media de los ejemplos **etiquetados**. Un ejemplo con etiqueta −1 no tiene etiqueta: solo cuenta en la primera parte. Si no hay ninguno etiquetado, esta parte vale 0.
# - El profesor no aprende: a sus logits no les llega ningún gradiente.
# - Con logits enormes (10 000) la pérdida y su gradiente siguen siendo finitos y correctos.
#
# Los logits son tensores de forma (ejemplos, clases), y `labels`, un tensor de enteros.
# %% [markdown] lang="en" row="46"
# ## 1. The loss of distillation (5 points)
#
# The student learns from two sources: the labels, and what the teacher thinks of **all** classes, softened by a temperature $T$ (Hinton, Vinyals and Dean, *Distilling the Knowledge in a Neural Network*, 2015). Complete `kd_loss(student_logits, teacher_logits, labels, T, alpha)`, which returns a `torch` number (a tensor without dimensions):
#
# $$L = \alpha\,T^2\,\mathrm{KL}(p^t \,\|\, p^s) + (1-\alpha)\,\mathrm{CE}$$
#
# - $p^t$ and $p^s$ are the probabilities of teacher and student: the softmax of their logits, **both divided by $T$**. $\mathrm{KL}(p^t \| p^s) = \sum_c p^t_c\,(\log p^t_c - \log p^s_c)$ for each example, and the **mean over the examples** of the batch.
# - The factor $T^2$ **is in the formula** (some leave it out): the gradient of the KL shrinks roughly as $1/T^2$, and so the weight of each part hardly depends on the temperature.
# - $\mathrm{CE}$ is the student's cross-entropy with the labels, **at temperature 1**, and the mean over the **labelled** examples. An example with label −1 has no label: it only counts in the first part. If none is labelled, this part is 0.
# - The teacher does not learn: no gradient reaches its logits.
# - With huge logits (10,000) the loss and its gradient are still finite and right.
#
# Logits are tensors of shape (examples, classes), and `labels` a tensor of integers.

# %% answer="kd"
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    ### BEGIN SOLUTION
    student = F.log_softmax(student_logits / T, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / T, dim=1)
    soft = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    labelled = labels >= 0
    hard = F.cross_entropy(student_logits[labelled], labels[labelled]) if labelled.any() else 0
    return alpha * T**2 * soft + (1 - alpha) * hard
    ### END SOLUTION

# %% test="kd/soft" points=2 row="46" objective="6b.1"
from mlprod import checks


def _t_k_call(student, teacher, labels, T, alpha):
    """The loss and its gradients with respect to student and teacher (zeros when there is none)."""
    _s = torch.tensor(student, dtype=torch.float64, requires_grad=True)
    _t = torch.tensor(teacher, dtype=torch.float64, requires_grad=True)
    _loss = kd_loss(_s, _t, torch.tensor(labels), T, alpha)
    assert isinstance(_loss, torch.Tensor) and _loss.dim() == 0, tr(es=f"kd_loss devuelve un tensor sin dimensiones; ha devuelto {_loss!r}.", en=f"kd_loss returns a tensor without dimensions; it returned {_loss!r}.")
    assert _loss.requires_grad, tr(es=f"La pérdida ({float(_loss)}) no depende de los logits del alumno: no le llega ningún gradiente, y así no aprende.", en=f"The loss ({float(_loss)}) does not depend on the student's logits: no gradient reaches it, so it cannot learn.")
    _loss.backward()
    return float(_loss.detach()), (torch.zeros_like(_s) if _s.grad is None else _s.grad).numpy(), (torch.zeros_like(_t) if _t.grad is None else _t.grad).numpy()


### BEGIN HIDDEN TESTS
def _t_k_softmax(logits, T):
    _e = np.exp((np.array(logits, dtype=float) - np.max(logits, axis=1, keepdims=True)) / T)
    return _e / _e.sum(axis=1, keepdims=True)


def _t_k_soft(student, teacher, T, why):
    """The value is T² KL, and the gradient, T (p_s - p_t) / examples."""
    _ps, _pt, _n = _t_k_softmax(student, T), _t_k_softmax(teacher, T), len(student)
    _want, _reverse = (T**2 * float((a * (np.log(a) - np.log(b))).sum()) / _n for a, b in ((_pt, _ps), (_ps, _pt)))
    _crossed, _bare = -float(np.log(_t_k_softmax(student, 1))[:, 0].mean()), -(T**2) * float((_pt * np.log(_ps)).sum()) / _n
    _t_k_check(student, teacher, T, _want, T * (_ps - _pt) / _n, why, _reverse, _crossed, _bare)
### END HIDDEN TESTS


def _t_k_check(student, teacher, T, want, slope, why, reverse, crossed, bare, undivided=()):
    """alpha = 1: the value and the gradient that the student gets; wrong values tell what went wrong."""
    _loss, _grad, _ = _t_k_call(student, teacher, [0] * len(student), T, 1.0)
    _near = {
        tr(es=" Falta el factor T².", en=" The factor T² is missing."): want / T**2,
        tr(es=" El factor es T², y aquí se ha multiplicado por T.", en=" The factor is T², and here it has been multiplied by T."): want / T,
        tr(es=" Es la entropía cruzada con las probabilidades del profesor: para que sea la KL falta restar la entropía del profesor (el gradiente no cambia; el valor, sí).", en=" That is the cross-entropy with the teacher's probabilities: to be the KL it lacks minus the teacher's entropy (the gradient does not change; the value does)."): bare,
        tr(es=" Es KL(alumno || profesor): están al revés.", en=" That is KL(student || teacher): they are the wrong way round."): reverse,
        tr(es=" Ese es el peso de las etiquetas: alpha pesa la parte del profesor.", en=" That is the weight of the labels: alpha weighs the teacher's part."): crossed,
        tr(es=" Es la suma de los ejemplos, no su media.", en=" That is the sum over the examples, not their mean."): want * len(student),
        tr(es=" Se ha dividido también por el número de clases: la KL de un ejemplo es una suma sobre las clases.", en=" The sum has also been divided by the number of classes: the KL of an example is a sum over them."): want / len(student[0]),
    }
    _list = [*_near.items(), *((tr(es=" Hay que dividir por T los logits de los dos, alumno y profesor.", en=" The logits of both, student and teacher, have to be divided by T."), value) for value in undivided)]
    _hint = next((hint for hint, value in _list if abs(_loss - value) <= 1e-6 * max(1e-3, abs(value)) and abs(value - want) > 1e-6), tr(es=" Revisa la fórmula término a término.", en=" Go through the formula term by term."))
    assert abs(_loss - want) <= 1e-6 * max(1.0, abs(want)), why + tr(es=f" Con T={T} y alpha=1 se esperaba {want:.6f} y es {_loss:.6f}.", en=f" With T={T} and alpha=1, {want:.6f} was expected and it is {_loss:.6f}.") + _hint
    _slope = np.array(slope)
    assert np.allclose(_grad, _slope, atol=1e-7 + 1e-6 * np.abs(_slope).max()), why + tr(es=f" El gradiente que recibe el alumno debía tener norma {np.linalg.norm(_slope):.6f} y la tiene {np.linalg.norm(_grad):.6f}.", en=f" The gradient that the student gets should have norm {np.linalg.norm(_slope):.6f} and it has {np.linalg.norm(_grad):.6f}.")


_t_k_student, _t_k_teacher = [[0.5, -0.3, 0.1], [1.0, -1.0, 0.5]], [[4.0, 1.0, -2.0], [-1.0, 2.0, 0.0]]
_t_k_check(_t_k_student[:1], _t_k_teacher[:1], 2.0, 1.4730219978, [[-0.7676749121, 0.1880342141, 0.5796406980]], reverse=2.1866411822, crossed=0.7512505137, bare=3.9593604165, undivided=(1.1421730083, 2.8971047746, 2.3320882539), why=tr(es="Un ejemplo: el profesor casi seguro, el alumno sin apenas idea.", en="One example: the teacher nearly sure, the student with hardly a clue."))
_t_k_check(_t_k_student, _t_k_teacher, 4.0, 2.2179021196, [[-0.4452645251, 0.0440178323, 0.4012466928], [0.3490871124, -0.4746849722, 0.1255978598]], reverse=2.3109466626, crossed=0.6531037167, bare=18.0775749987, undivided=(5.6575683365, 13.0273316985, 18.8671954803), why=tr(es="Dos ejemplos.", en="Two examples."))
_t_k_loss, _, _ = _t_k_call(_t_k_student, _t_k_teacher, [-1, 1], 4.0, 1.0)
assert abs(_t_k_loss - 2.2179021196) < 1e-6, tr(es=f"Los mismos dos ejemplos, el primero sin etiqueta: el profesor opina de los dos, así que con T=4 y alpha=1 se esperaba el mismo valor, 2.217902, y es {_t_k_loss:.6f}.", en=f"The same two examples, the first without a label: the teacher has a say on both, so with T=4 and alpha=1 the same value, 2.217902, was expected and it is {_t_k_loss:.6f}.")
_t_k_loss, _t_k_grad, _ = _t_k_call(_t_k_teacher, _t_k_teacher, [0, 1], 3.0, 1.0)
assert abs(_t_k_loss) < 1e-9 and np.abs(_t_k_grad).max() < 1e-9, tr(es=f"Un alumno igual que su profesor no tiene nada que aprender de él: pérdida 0 y gradiente 0; son {_t_k_loss:.6f} y {np.abs(_t_k_grad).max():.6f}.", en=f"A student equal to its teacher has nothing to learn from it: loss 0 and gradient 0; they are {_t_k_loss:.6f} and {np.abs(_t_k_grad).max():.6f}.")
checks.passed()
### BEGIN HIDDEN TESTS
_t_k_rng = np.random.default_rng(46)
for _t_T in (1, 1.5, 2.0, 8.0, 32.0):
    for _t_n, _t_classes in ((1, 2), (5, 3), (16, 10)):
        _t_k_soft(_t_k_rng.normal(0, 2, (_t_n, _t_classes)).tolist(), _t_k_rng.normal(0, 3, (_t_n, _t_classes)).tolist(), _t_T, tr(es="Logits al azar.", en="Random logits."))
_t_k_norms = [np.linalg.norm(_t_k_call(_t_k_student, _t_k_teacher, [0, 0], _T, 1.0)[1]) for _T in (8.0, 16.0, 32.0)]
assert max(_t_k_norms) < 1.2 * min(_t_k_norms), tr(es=f"Con T² la norma del gradiente apenas cambia con T; aquí, para T = 8, 16 y 32, es {_t_k_norms}.", en=f"With T² the norm of the gradient hardly changes with T; here, for T = 8, 16 and 32, it is {_t_k_norms}.")
### END HIDDEN TESTS

# %% test="kd/hard" points=1 row="46" objective="6b.1"
def _t_k_mixed(student, teacher, labels, T, alpha, hard, slope, why):
    """`hard` and `slope`: the cross-entropy and its gradient."""
    _loss, _grad, _ = _t_k_call(student, teacher, labels, T, alpha)
    _soft, _pull, _ = _t_k_call(student, teacher, labels, T, 1.0)
    _want, _labelled = alpha * _soft + (1 - alpha) * hard, sum(label >= 0 for label in labels)
    if not (math.isfinite(_loss) and math.isfinite(_soft)):
        _hint = tr(es=": si no hay ninguno etiquetado, la media de F.cross_entropy es nan (0 entre 0), y esa parte vale 0.", en=": when none is labelled the mean of F.cross_entropy is nan (0 over 0), and that part is 0.")
        if _labelled:
            _hint = tr(es=": busca un logaritmo de 0 o una división por 0.", en=": look for a logarithm of 0 or a division by 0.")
        raise AssertionError(why + tr(es=f" La pérdida es {_soft if math.isfinite(_loss) else _loss}", en=f" The loss is {_soft if math.isfinite(_loss) else _loss}") + _hint)
    assert abs(_loss - _want) <= 1e-6 * max(1, abs(_want)), why + tr(
        es=f" Con T={T} y alpha={alpha}: la entropía cruzada de los ejemplos etiquetados ({_labelled}), a temperatura 1, es {hard:.6f}, así que se esperaba {_want:.6f} y es {_loss:.6f}.",
        en=f" With T={T} and alpha={alpha}: the cross-entropy of the labelled examples ({_labelled}), at temperature 1, is {hard:.6f}, so {_want:.6f} was expected and it is {_loss:.6f}.",
    )
    _down = alpha * _pull + (1 - alpha) * np.array(slope)
    assert np.allclose(_grad, _down, atol=1e-6), why + tr(
        es=f" Con T={T} y alpha={alpha} la pérdida es la esperada, pero el gradiente que recibe el alumno debía ser {np.round(_down, 4).tolist()} y es {np.round(_grad, 4).tolist()}: también las etiquetas enseñan, con peso 1 − alpha.",
        en=f" With T={T} and alpha={alpha} the loss is as expected, but the gradient that the student gets should be {np.round(_down, 4).tolist()} and it is {np.round(_grad, 4).tolist()}: the labels teach as well, with weight 1 − alpha.",
    )


_t_k_both = [[-0.2641118895, 0.1059913604, 0.1581205291], [0.2870484965, -0.4611522104, 0.1741037139]]
_t_k_mixed(_t_k_student, _t_k_teacher, [0, 1], 4.0, 0.0, 1.6531037167, _t_k_both, tr(es="alpha = 0: solo las etiquetas.", en="alpha = 0: the labels only."))
_t_k_mixed(_t_k_student, _t_k_teacher, [0, 1], 4.0, 0.25, 1.6531037167, _t_k_both, tr(es="alpha pesa la parte del profesor y 1 − alpha la de las etiquetas.", en="alpha weighs the teacher's part and 1 − alpha that of the labels."))
_t_k_mixed(_t_k_student, _t_k_teacher, [-1, 1], 4.0, 0.25, 2.5549569196, [[0.0, 0.0, 0.0], [0.574096993, -0.9223044209, 0.3482074279]], tr(es="Un ejemplo sin etiqueta.", en="One example without a label."))
_t_k_mixed(_t_k_student, _t_k_teacher, [-1, -1], 4.0, 0.5, 0.0, 0.0, tr(es="Ningún ejemplo etiquetado.", en="No labelled example."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_k_hard(student, labels):
    """The cross-entropy of the labelled and its gradient."""
    _p, _slope = _t_k_softmax(student, 1), np.zeros(np.shape(student))
    _known = [(i, label) for i, label in enumerate(labels) if label >= 0]
    for _i, _label in _known:
        _slope[_i] = _p[_i] / len(_known)
        _slope[_i, _label] -= 1 / len(_known)
    return -float(np.mean([np.log(_p[i][label]) for i, label in _known] or [0.0])), _slope


_t_k_rng = np.random.default_rng(47)
_t_k_mixed(_t_k_student, _t_k_teacher, [-1, -1], 2.0, 0.5, 0.0, 0.0, tr(es="Ningún ejemplo etiquetado.", en="No labelled example."))
_t_k_mixed(_t_k_student, _t_k_teacher, [2, 2], 1, 1, 0.0, 0.0, tr(es="alpha = 1.", en="alpha = 1."))
for _ in range(30):
    _t_n = int(_t_k_rng.integers(1, 9))
    _t_some, _t_labels = _t_k_rng.normal(0, 2, (_t_n, 4)).tolist(), _t_k_rng.integers(-1, 4, _t_n).tolist()
    _t_k_mixed(_t_some, _t_k_rng.normal(0, 2, (_t_n, 4)).tolist(), _t_labels, float(_t_k_rng.uniform(1, 9)), float(_t_k_rng.random()), *_t_k_hard(_t_some, _t_labels), tr(es="Al azar.", en="At random."))
### END HIDDEN TESTS

# %% test="kd/teacher" points=1 row="46" objective="6b.1"
_, _, _t_k_back = _t_k_call(_t_k_student, _t_k_teacher, [0, 1], 2.0, 0.7)
assert np.abs(_t_k_back).max() == 0, tr(es=f"A los logits del profesor les llega un gradiente (el mayor, {np.abs(_t_k_back).max():.4f}): el profesor aprendería a parecerse al alumno. Corta el gradiente.", en=f"A gradient reaches the teacher's logits (the largest, {np.abs(_t_k_back).max():.4f}): the teacher would learn to be like the student. Cut the gradient.")
checks.passed()
### BEGIN HIDDEN TESTS
_t_k_shared = torch.tensor([[1.0, 2.0, 0.5]], requires_grad=True)
_t_k_value = kd_loss(_t_k_shared * 2, _t_k_shared, torch.tensor([1]), 2.0, 1.0)
_t_k_value.backward()
_t_k_want = 2 * _t_k_call([[2.0, 4.0, 1.0]], [[1.0, 2.0, 0.5]], [1], 2.0, 1.0)[1]
assert np.allclose(_t_k_shared.grad.numpy(), _t_k_want, atol=1e-5), tr(es="Profesor y alumno comparten parámetros: solo cuenta el gradiente que llega por el alumno.", en="Teacher and student share parameters: only the gradient that comes through the student counts.")
### END HIDDEN TESTS

# %% test="kd/batch" points=1 row="46" objective="6b.1"
def _t_k_repeated(times, T, alpha):
    _once, _, _ = _t_k_call(_t_k_student, _t_k_teacher, [0, 1], T, alpha)
    _more, _, _ = _t_k_call(_t_k_student * times, _t_k_teacher * times, [0, 1] * times, T, alpha)
    assert abs(_once - _more) < 1e-6, tr(es=f"El mismo lote repetido {times} veces debería dar la misma pérdida, {_once:.6f}, y da {_more:.6f}: si la pérdida crece con el lote, cambiar el lote cambia el aprendizaje.", en=f"The same batch repeated {times} times should give the same loss, {_once:.6f}, and it gives {_more:.6f}: if the loss grows with the batch, changing the batch changes the learning.")


_t_k_repeated(3, 2.0, 0.5)
_t_k_large, _t_k_flat, _ = _t_k_call([[300.0, 0.0, -300.0]], [[-300.0, 0.0, 300.0]], [0], 1.0, 0.9)
_t_k_huge, _t_k_slope, _ = _t_k_call([[1e4, 0.0, -1e4]], [[-1e4, 0.0, 1e4]], [0], 1.0, 0.9)
assert math.isfinite(_t_k_huge) and np.isfinite(_t_k_slope).all(), tr(es=f"Con logits de 10 000 la pérdida es {_t_k_huge}: el logaritmo de una softmax que ya es 0 es infinito; usa log_softmax.", en=f"With logits of 10,000 the loss is {_t_k_huge}: the logarithm of a softmax that is 0 already is infinite; use log_softmax.")
assert abs(_t_k_huge - _t_k_large * 100 / 3) < 1e-6 * abs(_t_k_large) and np.allclose(_t_k_slope, _t_k_flat, atol=1e-9), tr(
    es=f"Con logits de 300 y de 10 000 las probabilidades son ya 0 o 1: la pérdida crece con los logits, de {_t_k_large:.2f} a {_t_k_large * 100 / 3:.2f}, y el gradiente no cambia; con 10 000 la pérdida es {_t_k_huge:.2f} y los gradientes son {_t_k_flat.tolist()} y {_t_k_slope.tolist()}. Sumar un número pequeño dentro del logaritmo, o recortarlo, cambia las dos cosas, y el alumno no aprende: usa log_softmax.",
    en=f"With logits of 300 and of 10,000 the probabilities are 0 or 1 already: the loss grows with the logits, from {_t_k_large:.2f} to {_t_k_large * 100 / 3:.2f}, and the gradient does not change; with 10,000 the loss is {_t_k_huge:.2f} and the gradients are {_t_k_flat.tolist()} and {_t_k_slope.tolist()}. A small number added inside the logarithm, or a clamp, changes both, and the student does not learn: use log_softmax.",
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_times in (2, 10, 50):
    for _t_alpha in (0.0, 0.3, 1.0):
        _t_k_repeated(_t_times, 5.0, _t_alpha)
### END HIDDEN TESTS

# %% wrong="kd" score=3 says_es="Falta el factor T²" says_en="The factor T² is missing"
# es: La KL ya mide lo que hay que aprender: no hay que multiplicarla por nada.
# en: The KL measures what has to be learnt already: no need to multiply it by anything.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * soft + (1 - alpha) * hard

# %% wrong="kd" score=3 says_es="están al revés" says_en="wrong way round"
# es: La KL es una distancia: da igual el orden.
# en: The KL is a distance: the order does not matter.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    log_teacher = F.log_softmax(teacher_logits.detach() / T, dim=1)
    soft = F.kl_div(log_teacher, log_student, reduction="batchmean", log_target=True)
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=3 says_es="los logits de los dos" says_en="the logits of both"
# es: La temperatura ablanda al profesor; al alumno, no.
# en: Temperature softens the teacher, and not the student.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=2 says_es="si la pérdida crece con el lote" says_en="if the loss grows with the batch"
# es: La pérdida del lote es la suma de las de sus ejemplos.
# en: A batch's loss is the sum of those of its examples.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="sum")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=3 says_es="número de clases" says_en="number of classes"
# es: reduction=mean es la media de los ejemplos.
# en: reduction=mean is the mean over the examples.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="none").mean()
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=4 says_es="Corta el gradiente" says_en="Cut the gradient"
# es: Los logits del profesor son datos: no hay nada que cortar.
# en: The teacher's logits are data: there is nothing to cut.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=4 says_es="también las etiquetas enseñan" says_en="the labels teach as well"
# es: Las etiquetas son datos, como los logits del profesor: esa parte solo mide y no necesita gradiente.
# en: Labels are data, like the teacher's logits: that part only measures, and needs no gradient.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]).item() if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=4 says_es="a temperatura 1" says_en="at temperature 1"
# es: La temperatura se aplica a todos los logits, también ante las etiquetas.
# en: Temperature applies to all logits, against the labels too.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known] / T, labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=2 says_es="alpha pesa la parte del profesor" says_en="alpha weighs the teacher"
# es: alpha es el peso de las etiquetas.
# en: alpha is the weight of the labels.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return (1 - alpha) * T * T * soft + alpha * hard

# %% wrong="kd" score=4 says_es="de los ejemplos etiquetados (1)" says_en="of the labelled examples (1)"
# es: La media es la de todo el lote; quien no tiene etiqueta aporta 0.
# en: The mean is over the whole batch; those without a label add 0.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits, labels, ignore_index=-1, reduction="sum") / len(labels)
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=4 says_es="usa log_softmax" says_en="use log_softmax"
# es: El logaritmo de una probabilidad es log(softmax).
# en: The logarithm of a probability is log(softmax).
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = torch.log(F.softmax(student_logits / T, dim=1))
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=4 says_es="o recortarlo" says_en="or a clamp"
# es: Para que el logaritmo no sea infinito basta con sumar 1e-12.
# en: To keep the logarithm from being infinite, adding 1e-12 is enough.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = torch.log(F.softmax(student_logits / T, dim=1) + 1e-12)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=3 says_es="el profesor opina de los dos" says_en="the teacher has a say on both"
# es: De un ejemplo sin etiqueta no se aprende nada.
# en: Nothing is learnt from an example without a label.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    known = labels != -1
    if not known.any():
        return 0.0 * student_logits.sum()
    p_teacher = F.softmax(teacher_logits[known].detach() / T, dim=1)
    log_student = F.log_softmax(student_logits[known] / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(student_logits[known], labels[known])

# %% wrong="kd" score=3 says_es="falta restar la entropía" says_en="minus the teacher's entropy"
# es: La KL es la entropía cruzada con las probabilidades del profesor.
# en: The KL is the cross-entropy with the teacher's probabilities.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    soft = F.cross_entropy(student_logits / T, p_teacher)
    known = labels != -1
    hard = F.cross_entropy(student_logits[known], labels[known]) if known.any() else 0.0
    return alpha * T * T * soft + (1 - alpha) * hard

# %% wrong="kd" score=4 says_es="0 entre 0" says_en="0 over 0"
# es: ignore_index ya se ocupa de todos los ejemplos sin etiqueta.
# en: ignore_index takes care of all examples without a label.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    p_teacher = F.softmax(teacher_logits.detach() / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    soft = F.kl_div(log_student, p_teacher, reduction="batchmean")
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(student_logits, labels, ignore_index=-1)

# %% wrong="kd" score=0 says_es="no le llega ningún gradiente" says_en="no gradient reaches it"
# es: La pérdida es cuántas veces no coinciden alumno y profesor.
# en: The loss is how often student and teacher disagree.
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    disagree = (student_logits.argmax(dim=1) != teacher_logits.argmax(dim=1)).double().mean()
    wrong = (student_logits.argmax(dim=1) != labels).double().mean()
    return alpha * disagree + (1 - alpha) * wrong

# %% right="kd"
# es: entropía cruzada con las probabilidades del profesor, menos su entropía
# en: cross-entropy with the teacher's probabilities, minus its entropy
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    with torch.no_grad():
        log_teacher = torch.log_softmax(teacher_logits / T, dim=1)
        wanted = log_teacher.exp()
        entropy = -(wanted * log_teacher).sum(dim=1).mean()
    crossed = F.cross_entropy(student_logits / T, wanted)
    total = alpha * T**2 * (crossed - entropy)
    if bool((labels >= 0).any()):
        total = total + (1 - alpha) * F.cross_entropy(student_logits, labels, ignore_index=-1)
    return total

# %% right="kd"
# es: ejemplo a ejemplo
# en: example by example
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    soft, hard = [], []
    for student, teacher, label in zip(student_logits, teacher_logits.clone().detach(), labels.tolist(), strict=True):
        s = student / T - torch.logsumexp(student / T, dim=0)
        t = teacher / T - torch.logsumexp(teacher / T, dim=0)
        soft.append(torch.dot(torch.exp(t), t - s))
        if label != -1:
            hard.append(torch.logsumexp(student, dim=0) - student[label])
    loss = torch.stack(soft).mean() * (alpha * T * T)
    return loss + torch.stack(hard).mean() * (1 - alpha) if hard else loss

# %% [markdown] lang="es" row="46 47"
# ## 2. ¿Ayuda el profesor, y qué cuesta? (5 puntos)
#
# «El alumno conserva el 97 %» no dice que el profesor haya servido de algo: falta el **control**, el mismo alumno entrenado igual y sin profesor. Y hacen falta varias semillas, porque dos entrenamientos que solo se distinguen en la semilla también dan exactitudes distintas. Completa:
#
# **a)** `control(with_teacher, without_teacher)`: dos diccionarios de semilla a exactitud. Se comparan **las semillas que están en los dos**, cada una consigo misma. Devuelve un diccionario con `"seeds"` (cuántas son), `"mean"` (la media de las diferencias, con profesor menos sin él), `"low"` y `"high"` (el intervalo del 95 % de esa media por la t de Student, con la desviación típica de las diferencias que divide por n − 1: con tan pocas semillas, el 1,96 de la normal se queda corto; si todas las diferencias son iguales, el intervalo es un solo punto) y `"verdict"`: `"helps"` si todo el intervalo está por encima de 0, `"hurts"` si está por debajo (pasa, con malos profesores) y `"unclear"` si contiene el 0. Con menos de dos semillas comunes, `ValueError`.
#
# **b)** `training_seconds(plan)`: lo que cuesta en total el plan, en segundos. `plan` es un diccionario:
#
# - `teacher_s`: lo que se tarda en entrenar al profesor; no cuenta si `pretrained` es verdadero;
# - `examples`, `epochs`, `runs`: ejemplos, pasadas por ellos y alumnos que se entrenan (uno por semilla);
# - `student_s`: lo que tarda un alumno en aprender **un ejemplo en una pasada**, con el paso hacia atrás;
# - `teacher_forward_s`: lo que tarda el profesor en contestar un ejemplo;
# - `stored`: si es verdadero, el profesor contesta cada ejemplo una sola vez y sus logits se guardan para todas las pasadas y todos los alumnos. Si es falso (por ejemplo, porque cada pasada deforma las imágenes de otra manera), contesta cada vez.
#
# **c)** `requests_to_pay(cost_s, teacher_ms, student_ms)`: el menor número de peticiones cuyo ahorro total (las contesta el alumno en vez del profesor) llega a `cost_s` segundos; ojo con las unidades. Un entero, o `None` si el alumno no es más rápido, cueste lo que cueste. Todos los argumentos son enteros, y el resultado es exacto: que no lo estropee un redondeo.
# %% [markdown] lang="en" row="46 47"
# ## 2. Does the teacher help, and what does it cost? (5 points)
#
# "The student keeps 97%" does not say that the teacher was of any use: what is missing is the **control**, the same student trained alike and without a teacher. And it takes several seeds, because two training runs that differ in nothing but the seed give different accuracies, too. Complete:
#
# **a)** `control(with_teacher, without_teacher)`: two dicts from seed to accuracy. The **seeds that are in both** are compared, each with itself. It returns a dict with `"seeds"` (how many there are), `"mean"` (the mean of the differences, with teacher minus without), `"low"` and `"high"` (the 95% interval of that mean by Student's t, with the standard deviation of the differences that divides by n − 1: with so few seeds the normal's 1.96 falls short; if all differences are equal, the interval is a single point) and `"verdict"`: `"helps"` if the whole interval lies above 0, `"hurts"` if it lies below (it happens, with bad teachers) and `"unclear"` if it contains 0. With fewer than two seeds in common, `ValueError`.
#
# **b)** `training_seconds(plan)`: what the plan costs in all, in seconds. `plan` is a dict:
#
# - `teacher_s`: what it takes to train the teacher; it does not count if `pretrained` is true;
# - `examples`, `epochs`, `runs`: examples, passes over them and students that are trained (one for each seed);
# - `student_s`: what it takes a student to learn **one example in one pass**, backward step included;
# - `teacher_forward_s`: what it takes the teacher to answer one example;
# - `stored`: if true, the teacher answers each example only once and its logits are stored for all passes and all students. If false (for instance because each pass distorts the images in another way), it answers each time.
#
# **c)** `requests_to_pay(cost_s, teacher_ms, student_ms)`: the least number of requests whose total saving (the student answers them instead of the teacher) reaches `cost_s` seconds; mind the units. An integer, or `None` if the student is not faster, whatever the cost. All arguments are integers, and the result is exact: do not let rounding spoil it.

# %% answer="control"
def control(with_teacher, without_teacher):
    ### BEGIN SOLUTION
    seeds = sorted(set(with_teacher) & set(without_teacher))
    if len(seeds) < 2:
        raise ValueError("at least two seeds in common are needed")
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5
    low, high = gains.mean() - half, gains.mean() + half
    verdict = "helps" if low > 0 else "hurts" if high < 0 else "unclear"
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}
    ### END SOLUTION


def training_seconds(plan):
    ### BEGIN SOLUTION
    teacher = 0 if plan["pretrained"] else plan["teacher_s"]
    lessons = plan["examples"] * plan["epochs"] * plan["runs"]
    answers = plan["examples"] if plan["stored"] else lessons
    return teacher + answers * plan["teacher_forward_s"] + lessons * plan["student_s"]
    ### END SOLUTION


def requests_to_pay(cost_s, teacher_ms, student_ms):
    ### BEGIN SOLUTION
    saved_ms = teacher_ms - student_ms
    return -(-1000 * cost_s // saved_ms) if saved_ms > 0 else None
    ### END SOLUTION

# %% test="control/interval" points=2 row="46 47" objective="6b.1"
from mlprod import checks


def _t_c_control(first, second, want, why, near=()):
    """`near`: pairs (wrong value of low, what went wrong)."""
    _got = control(dict(first), dict(second))
    _said = why + tr(es=f"\n  con profesor: {first}\n  sin profesor: {second}", en=f"\n  with teacher: {first}\n  without: {second}")
    assert isinstance(_got, dict) and set(_got) == {"seeds", "mean", "low", "high", "verdict"}, tr(es="control devuelve un diccionario con seeds, mean, low, high y verdict.", en="control returns a dict with seeds, mean, low, high and verdict.")
    _low = checks.plain(_got["low"], "low")
    _said += next(("\n  " + hint for value, hint in near if isinstance(_low, float) and abs(_low - value) < 1e-6), "")
    for _key in ("seeds", "mean", "low", "high", "verdict"):
        checks.same(_got[_key], want[_key], _said + f"\n  {_key}:", tolerance=1e-6)


def _t_c_few(first, second):
    try:
        _got = control(dict(first), dict(second))
    except ValueError:
        return
    raise AssertionError(tr(es=f"Con {first} y {second} hay menos de dos semillas comunes: se esperaba ValueError y ha devuelto {_got}.", en=f"With {first} and {second} there are fewer than two seeds in common: ValueError was expected and it returned {_got}."))


### BEGIN HIDDEN TESTS
def _t_c_want(gains, t):
    _mean = sum(gains) / len(gains)
    _half = t * (sum((gain - _mean) ** 2 for gain in gains) / (len(gains) - 1) / len(gains)) ** 0.5
    _verdict = "helps" if _mean - _half > 0 else "hurts" if _mean + _half < 0 else "unclear"
    return {"seeds": len(gains), "mean": _mean, "low": _mean - _half, "high": _mean + _half, "verdict": _verdict}
### END HIDDEN TESTS


_t_c_plain = {1: 0.81, 2: 0.86, 3: 0.78, 4: 0.83, 5: 0.80}
_t_c_control(
    {5: 0.812, 4: 0.84, 3: 0.789, 2: 0.871, 1: 0.822}, _t_c_plain, {"seeds": 5, "mean": 0.0108, "low": 0.0091810682, "high": 0.0124189318, "verdict": "helps"},
    tr(es="De una semilla a otra hay hasta 8 puntos, y cada una mejora en uno: se compara cada semilla consigo misma.", en="From one seed to another there are up to 8 points, and each gains one: each seed is compared with itself."),
    near=(
        (-0.0174243091, tr(es="Se han restado en el orden en que vienen, no semilla con semilla.", en="They have been subtracted in the order in which they come, not seed with seed.")),
        (-0.0339115114, tr(es="Se han tratado como dos grupos: el intervalo es el de las diferencias, semilla con semilla.", en="They have been treated as two groups: the interval is that of the differences, seed with seed.")),
        (-0.0339123662, tr(es="Se han tratado como dos grupos: el intervalo es el de las diferencias, semilla con semilla.", en="They have been treated as two groups: the interval is that of the differences, seed with seed.")),
        (0.0096571334, tr(es="Ese es el 1,96 de la normal: con 5 semillas la t es 2,776.", en="That is the normal's 1.96: with 5 seeds t is 2.776.")),
        (0.0096571544, tr(es="Ese es el 1,96 de la normal: con 5 semillas la t es 2,776.", en="That is the normal's 1.96: with 5 seeds t is 2.776.")),
        (0.0093519834, tr(es="La desviación típica divide por n − 1 (ddof=1), y np.std divide por n si no se le dice otra cosa.", en="The standard deviation divides by n − 1 (ddof=1), and np.std divides by n unless told otherwise.")),
        (0.0095569304, tr(es="Ese intervalo deja un 5 % a cada lado: el del 95 % deja un 2,5 %.", en="That interval leaves 5% on each side: the 95% one leaves 2.5%.")),
        (0.0093011061, tr(es="La t tiene n − 1 grados de libertad, no n.", en="The t has n − 1 degrees of freedom, not n.")),
        (0.0071799585, tr(es="El error de una media es la desviación típica dividida por la raíz de n.", en="The error of a mean is the standard deviation divided by the root of n.")),
    ),
)
_t_c_control(
    {1: 0.85, 2: 0.85, 3: 0.80, 4: 0.82, 5: 0.81}, _t_c_plain, {"seeds": 5, "mean": 0.01, "low": -0.0163396710, "high": 0.0363396710, "verdict": "unclear"},
    tr(es="La media es un punto a favor, pero el intervalo contiene el 0: no se sabe si ayuda.", en="The mean is one point in favour, but the interval contains 0: whether it helps is unknown."),
)
_t_c_control(
    {1: 0.799, 2: 0.85, 3: 0.765, 4: 0.82, 5: 0.792}, _t_c_plain, {"seeds": 5, "mean": -0.0108, "low": -0.0140139676, "high": -0.0075860324, "verdict": "hurts"},
    tr(es="Un mal profesor: todo el intervalo está por debajo de 0.", en="A bad teacher: the whole interval lies below 0."),
)
_t_c_control(
    {1: 0.82, 9: 0.1, 3: 0.80, 4: 0.848, 7: 0.99}, _t_c_plain, {"seeds": 3, "mean": 0.016, "low": 0.0028551788, "high": 0.0291448212, "verdict": "helps"},
    tr(es="Solo tres semillas están en los dos: 1, 3 y 4.", en="Only three seeds are in both: 1, 3 and 4."),
)
_t_c_control(
    {1: 0.765625, 2: 0.828125, 3: 0.890625}, {1: 0.75, 2: 0.8125, 3: 0.875}, {"seeds": 3, "mean": 0.015625, "low": 0.015625, "high": 0.015625, "verdict": "helps"},
    tr(es="Todas las diferencias son iguales: el intervalo es un solo punto. (stats.t.interval da nan con scale=0.)", en="All differences are equal: the interval is a single point. (stats.t.interval gives nan with scale=0.)"),
)
_t_c_few({1: 0.8, 8: 0.9}, _t_c_plain)
checks.passed()
### BEGIN HIDDEN TESTS
_t_c_control({1: 0.80, 2: 0.85, 3: 0.765, 4: 0.82, 5: 0.792}, _t_c_plain, _t_c_want([-0.01, -0.01, -0.015, -0.01, -0.008], 2.7764451051977987), tr(es="Un mal profesor.", en="A bad teacher."))
_t_c_control({1: 0.82, 9: 0.1, 3: 0.792, 7: 0.99}, _t_c_plain, _t_c_want([0.01, 0.012], 12.706204736432095), tr(es="Solo dos semillas están en los dos.", en="Only two seeds are in both."))
_t_c_control({1: 0.82, 2: 0.875, 3: 0.785}, _t_c_plain, _t_c_want([0.01, 0.015, 0.005], 4.302652729911275), tr(es="Con tres semillas, 1,96 diría que ayuda; la t, no.", en="With three seeds 1.96 would say that it helps; t does not."))
_t_c_control({1: 0.5, 2: 0.75}, {2: 0.75, 1: 0.5}, {"seeds": 2, "mean": 0.0, "low": 0.0, "high": 0.0, "verdict": "unclear"}, tr(es="Con profesor y sin él, lo mismo: el intervalo es el 0 y lo contiene.", en="The same with a teacher and without: the interval is 0 and contains it."))
_t_c_control({1: 0.25, 2: 0.5}, {2: 0.75, 1: 0.5}, {"seeds": 2, "mean": -0.25, "low": -0.25, "high": -0.25, "verdict": "hurts"}, tr(es="Todas las diferencias son iguales.", en="All differences are equal."))
_t_c_rng = np.random.default_rng(47)
for _t_number in range(40):
    _t_n = 2 + _t_number % 9
    _t_one = {int(seed): float(_t_c_rng.normal(0.8, 0.05)) for seed in _t_c_rng.permutation(_t_n)}
    _t_two = {seed: value + float(_t_c_rng.normal(0.005, 0.006)) for seed, value in sorted(_t_one.items())}
    _t_c_control(_t_two, _t_one, _t_c_want([_t_two[seed] - _t_one[seed] for seed in sorted(_t_one)], float(stats.t(_t_n - 1).isf(0.025))), tr(es=f"{_t_n} semillas.", en=f"{_t_n} seeds."))
for _t_some in ({}, {1: 0.8}, {8: 0.8, 9: 0.9}):
    _t_c_few(_t_some, _t_c_plain)
### END HIDDEN TESTS

# %% test="control/cost" points=2 row="47" objective="6b.2"
def _t_c_cost(want, why, **changes):
    _plan = {"teacher_s": 600, "pretrained": False, "examples": 1000, "epochs": 10, "runs": 5, "student_s": 0.002, "teacher_forward_s": 0.01, "stored": True, **changes}
    checks.same(checks.number(training_seconds(dict(_plan)), "training_seconds"), want, f"{why}\n  {_plan}", tolerance=1e-9)


_t_c_cost(710.0, tr(es="Destilar no es gratis: entrenar al profesor, 600 s; que conteste una vez los 1000 ejemplos, 10 s; y cinco alumnos con diez pasadas, 100 s.", en="Distilling is not free: training the teacher, 600 s; having it answer the 1,000 examples once, 10 s; and five students with ten passes, 100 s."))
_t_c_cost(110.0, tr(es="Profesor ya entrenado: aun así tiene que contestar.", en="Teacher trained already: even so it has to answer."), pretrained=True)
_t_c_cost(600.0, tr(es="Sin guardar los logits el profesor contesta en cada pasada de cada alumno: 500 s.", en="Without stored logits the teacher answers in each pass of each student: 500 s."), pretrained=True, stored=False)
checks.passed()
### BEGIN HIDDEN TESTS
_t_c_rng = np.random.default_rng(48)
for _ in range(40):
    _t_n, _t_e, _t_r = (int(_t_c_rng.integers(1, 200)) for _ in range(3))
    _t_t, _t_s, _t_f = (float(_t_c_rng.uniform(0.001, 5)) for _ in range(3))
    for _t_given in (True, False):
        for _t_kept in (True, False):
            _t_c_cost((0 if _t_given else _t_t * 100) + _t_n * _t_e * _t_r * _t_s + (_t_n if _t_kept else _t_n * _t_e * _t_r) * _t_f, tr(es="Otro plan.", en="Another plan."), teacher_s=_t_t * 100, pretrained=_t_given, examples=_t_n, epochs=_t_e, runs=_t_r, student_s=_t_s, teacher_forward_s=_t_f, stored=_t_kept)
### END HIDDEN TESTS

# %% test="control/pay" points=1 row="47" objective="6b.2"
def _t_c_pay(cost_s, teacher_ms, student_ms, want):
    checks.same(requests_to_pay(cost_s, teacher_ms, student_ms), want, tr(
        es=f"requests_to_pay({cost_s}, {teacher_ms}, {student_ms}): cada petición ahorra {teacher_ms - student_ms} ms, y hay que llegar a {cost_s} s, que son {cost_s * 1000} ms. Se redondea hacia arriba, con enteros: una división entre decimales puede dar una petición de más.",
        en=f"requests_to_pay({cost_s}, {teacher_ms}, {student_ms}): each request saves {teacher_ms - student_ms} ms, and {cost_s} s have to be reached, which are {cost_s * 1000} ms. Round up, with integers: a division of decimals may give one request too many.",
    ))


_t_c_pay(710, 30, 10, 35_500)
_t_c_pay(10, 7, 4, 3_334)
_t_c_pay(9, 20, 11, 1_000)
_t_c_pay(10, 5, 5, None)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_row in ((0, 9, 1, 0), (0, 5, 5, None), (10**15, 8, 1, 142_857_142_857_142_858), (1, 9, 8, 1_000), (1, 4, 1, 334), (3, 2, 9, None), (86_400, 13, 6, 12_342_858), (7, 1_000, 1, 8), (999, 1_000, 1, 1_000)):
    _t_c_pay(*_t_row)
### END HIDDEN TESTS

# %% wrong="control" score=3 says_es="la t es 2,776" says_en="t is 2.776"
# es: El 95 % de una normal está a 1,96 errores típicos.
# en: 95% of a normal lies within 1.96 standard errors.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() - 1.96 * stats.sem(gains), gains.mean() + 1.96 * stats.sem(gains)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="divide por n − 1" says_en="divides by n − 1"
# es: La desviación típica es la de np.std.
# en: The standard deviation is np.std's.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * gains.std() / len(seeds) ** 0.5
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="un solo punto" says_en="a single point"
# es: stats.t.interval vale siempre, también si no hay dispersión.
# en: stats.t.interval always works, also without any spread.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = stats.t.interval(0.95, len(seeds) - 1, loc=gains.mean(), scale=stats.sem(gains))
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="como dos grupos" says_en="as two groups"
# es: Son dos grupos de exactitudes: se suman las varianzas de los dos.
# en: They are two groups of accuracies: the variances of both are added.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    groups = [np.array([some[seed] for seed in seeds]) for some in (with_teacher, without_teacher)]
    error = (groups[0].var(ddof=1) / len(seeds) + groups[1].var(ddof=1) / len(seeds)) ** 0.5
    low, high = stats.t.interval(0.95, 2 * len(seeds) - 2, loc=gains.mean(), scale=error)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="en el orden en que vienen" says_en="in the order in which they come"
# es: Los diccionarios vienen en el mismo orden: se restan los valores.
# en: Both dicts come in the same order: subtract the values.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([a - b for a, b in zip(with_teacher.values(), without_teacher.values(), strict=False)])[: len(seeds)]
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * stats.sem(gains)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="no se sabe si ayuda" says_en="whether it helps is unknown"
# es: Si la media es mayor que 0, el profesor ayuda.
# en: If the mean is above 0, the teacher helps.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * stats.sem(gains)
    verdict = "helps" if gains.mean() > 0 else "hurts"
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="la raíz de n" says_en="the root of n"
# es: El intervalo del 95 % son dos desviaciones típicas.
# en: The 95% interval is two standard deviations.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = stats.t.interval(0.95, len(seeds) - 1, loc=gains.mean(), scale=gains.std(ddof=1))
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="Destilar no es gratis" says_en="Distilling is not free"
# es: El coste de destilar es el de entrenar al alumno.
# en: The cost of distilling is that of training the student.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * stats.sem(gains)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    return plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="aun así tiene que contestar" says_en="even so it has to answer"
# es: Un profesor ya entrenado no cuesta nada.
# en: A teacher trained already costs nothing.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * stats.sem(gains)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += (not plan["pretrained"]) * plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=3 says_es="en cada pasada de cada alumno" says_en="in each pass of each student"
# es: El profesor contesta cada ejemplo una vez.
# en: The teacher answers each example once.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * stats.sem(gains)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"]
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else math.ceil(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% wrong="control" score=4 says="requests_to_pay(10, 7, 4)"
# es: Se redondea al entero más próximo.
# en: Round to the nearest integer.
def control(with_teacher, without_teacher):
    seeds = [seed for seed in without_teacher if seed in with_teacher]
    if len(seeds) <= 1:
        raise ValueError(seeds)
    gains = np.array([with_teacher[seed] - without_teacher[seed] for seed in seeds])
    low, high = gains.mean() + stats.t.ppf([0.025, 0.975], len(seeds) - 1) * stats.sem(gains)
    verdict = {(True, True): "helps", (False, False): "hurts"}.get((low > 0, high >= 0), "unclear")
    return {"seeds": len(seeds), "mean": gains.mean(), "low": low, "high": high, "verdict": verdict}


def training_seconds(plan):
    seconds = 0 if plan["pretrained"] else plan["teacher_s"]
    seconds += plan["examples"] * plan["teacher_forward_s"] * (1 if plan["stored"] else plan["epochs"] * plan["runs"])
    return seconds + plan["runs"] * plan["epochs"] * plan["examples"] * plan["student_s"]


def requests_to_pay(cost_s, teacher_ms, student_ms):
    return None if student_ms >= teacher_ms else round(Fraction(1000 * cost_s, teacher_ms - student_ms))

# %% right="control"
# es: con la prueba t de scipy, y el coste pasada a pasada
# en: with scipy's t test, and the cost pass by pass
def control(with_teacher, without_teacher):
    pairs = [(accuracy, without_teacher[seed]) for seed, accuracy in with_teacher.items() if seed in without_teacher]
    if len(pairs) < 2:
        raise ValueError("too few")
    first, second = zip(*pairs, strict=True)
    test = stats.ttest_rel(first, second)
    low, high = test.confidence_interval(0.95)
    signs = {np.sign(low), np.sign(high)}
    verdict = "unclear" if len(signs) > 1 or 0 in signs else "helps" if signs == {1.0} else "hurts"
    return dict(seeds=len(pairs), mean=(low + high) / 2, low=low, high=high, verdict=verdict)


def training_seconds(plan):
    total = 0.0
    if not plan["pretrained"]:
        total += plan["teacher_s"]
    answered = False
    for _ in range(plan["runs"]):
        for _ in range(plan["epochs"]):
            if not (answered and plan["stored"]):
                total += plan["examples"] * plan["teacher_forward_s"]
                answered = True
            total += plan["examples"] * plan["student_s"]
    return total


def requests_to_pay(cost_s, teacher_ms, student_ms):
    if teacher_ms > student_ms:
        whole, rest = divmod(cost_s * 1000, teacher_ms - student_ms)
        return whole + (rest > 0)

# %% [markdown] lang="es" row="54 55"
# ## 3. Un producto de dos matrices más pequeñas (6 puntos)
#
# Una matriz 3×3 puede escribirse como columna 3×1 por fila 1×3 (6 números en vez de 9)… **si es de rango 1**. Y una capa grande, como producto de dos más estrechas, si se acepta un error. Completa:
#
# **a)** `separable(kernel)`: el par `(column, row)` de vectores cuyo producto exterior es `kernel` (una matriz de NumPy, no siempre cuadrada: puede tener una sola fila o una sola columna), o `None` si no lo hay. Se acepta si el segundo valor singular no pasa de $10^{-5}$ veces el primero; un núcleo de ceros es separable.
#
# **b)** `two_passes(image, column, row)`: aplica el núcleo separable en dos pasadas, primero la columna (en vertical) y después la fila (en horizontal). Como en las redes, es una **correlación** (el núcleo no se gira), solo en las posiciones en que cabe entero: de una imagen de alto × ancho salen (alto − largo de `column` + 1) × (ancho − largo de `row` + 1) valores.
#
# **c)** `largest_rank(outputs, inputs, budget_bytes)`: una capa de pesos (salidas, entradas) se sustituye por dos, (k, entradas) y (salidas, k), en `float32`. El mayor `k` cuyas dos matrices caben en `budget_bytes` (un entero) **y** tienen menos parámetros que la original; `None` si no hay ninguno de 1 en adelante. Los sesgos no cuentan.
#
# **d)** `factorize(weights, budget_bytes)`: el par `(first, second)`, de formas (k, entradas) y (salidas, k) y tipo `float32`, con ese `k`, tal que `second @ (first @ x)` se parece todo lo posible a `weights @ x`: el error $\lVert W - W_2 W_1 \rVert_F$ es el mínimo con ese rango (teorema de Eckart y Young: la raíz de la suma de los cuadrados de los valores singulares descartados). Se devuelven **sin multiplicar**: multiplicadas serían tan grandes como la original. Si no hay `k`, `ValueError`.
# %% [markdown] lang="en" row="54 55"
# ## 3. A product of two smaller matrices (6 points)
#
# A 3×3 matrix can be written as a 3×1 column times a 1×3 row (6 numbers instead of 9)… **if it has rank 1**. And a large layer, as the product of two narrower ones, if an error is accepted. Complete:
#
# **a)** `separable(kernel)`: the pair `(column, row)` of vectors whose outer product is `kernel` (a NumPy matrix, not always square: it may have a single row or a single column), or `None` if there is none. It is accepted if the second singular value does not exceed $10^{-5}$ times the first; a kernel of zeros is separable.
#
# **b)** `two_passes(image, column, row)`: applies the separable kernel in two passes, first the column (vertically) and then the row (horizontally). As in networks it is a **correlation** (the kernel is not flipped), only at the positions where it fits whole: an image of height × width gives (height − length of `column` + 1) × (width − length of `row` + 1) values.
#
# **c)** `largest_rank(outputs, inputs, budget_bytes)`: a layer of weights (outputs, inputs) is replaced by two, (k, inputs) and (outputs, k), as `float32`. The largest `k` whose two matrices fit in `budget_bytes` (an integer) **and** have fewer parameters than the original; `None` if there is none from 1 on. Biases do not count.
#
# **d)** `factorize(weights, budget_bytes)`: the pair `(first, second)`, of shapes (k, inputs) and (outputs, k) and type `float32`, with that `k`, such that `second @ (first @ x)` is as much like `weights @ x` as it can be: the error $\lVert W - W_2 W_1 \rVert_F$ is the least for that rank (Eckart and Young's theorem: the root of the sum of the squares of the singular values that are dropped). They are returned **without multiplying them**: multiplied they would be as big as the original. If there is no `k`, `ValueError`.

# %% answer="factor"
def separable(kernel):
    ### BEGIN SOLUTION
    u, s, vt = np.linalg.svd(np.asarray(kernel, dtype=float))
    if len(s) > 1 and s[1] > 1e-5 * s[0]:
        return None
    return s[0] * u[:, 0], vt[0]
    ### END SOLUTION


def two_passes(image, column, row):
    ### BEGIN SOLUTION
    height, width = image.shape[0] - len(column) + 1, image.shape[1] - len(row) + 1
    tall = sum(weight * image[i : i + height] for i, weight in enumerate(column))
    return sum(weight * tall[:, j : j + width] for j, weight in enumerate(row))
    ### END SOLUTION


def largest_rank(outputs, inputs, budget_bytes):
    ### BEGIN SOLUTION
    rank = min(budget_bytes // (4 * (outputs + inputs)), (outputs * inputs - 1) // (outputs + inputs))
    return rank if rank >= 1 else None
    ### END SOLUTION


def factorize(weights, budget_bytes):
    ### BEGIN SOLUTION
    rank = largest_rank(*weights.shape, budget_bytes)
    if rank is None:
        raise ValueError("no rank compresses this layer into that budget")
    u, s, vt = np.linalg.svd(weights, full_matrices=False)
    return vt[:rank].astype(np.float32), (u[:, :rank] * s[:rank]).astype(np.float32)
    ### END SOLUTION

# %% test="factor/separable" points=2 row="54" objective="6b.3"
from mlprod import checks


def _t_r_separable(kernel, want, why):
    kernel = np.array(kernel, dtype=float)
    _got = separable(kernel.copy())
    _s = np.linalg.svd(kernel, compute_uv=False)
    _said = why + tr(es=f" {kernel.tolist()}, valores singulares {np.round(_s, 4).tolist()}.", en=f" {kernel.tolist()}, singular values {np.round(_s, 4).tolist()}.")
    if not want:
        assert _got is None, _said + tr(es=" Su rango no es 1: ninguna columna por ninguna fila la da; se esperaba None. No toda matriz 3×3 es un producto de 3×1 por 1×3.", en=" Its rank is not 1: no column times any row gives it; None was expected. Not every 3×3 matrix is a product of 3×1 by 1×3.")
        return
    assert isinstance(_got, (tuple, list)) and len(_got) == 2, _said + tr(es=" Es separable: se esperaba el par (column, row).", en=" It is separable: the pair (column, row) was expected.")
    _column, _row = (np.asarray(part, dtype=float) for part in _got)
    assert (_column.shape, _row.shape) == ((len(kernel),), (len(kernel[0]),)), _said + tr(es=f" column y row son vectores de {len(kernel)} y {len(kernel[0])}; tienen formas {_column.shape} y {_row.shape}.", en=f" column and row are vectors of {len(kernel)} and {len(kernel[0])}; their shapes are {_column.shape} and {_row.shape}.")
    assert np.allclose(np.outer(_column, _row), kernel, rtol=0, atol=1e-12 + 1e-4 * np.abs(kernel).max()), _said + tr(es=f" El producto de lo devuelto no es el núcleo sino {np.round(np.outer(_column, _row), 4).tolist()}.", en=f" The product of what was returned is not the kernel but {np.round(np.outer(_column, _row), 4).tolist()}.")


_t_r_separable([[1, 0, -1], [2, 0, -2], [1, 0, -1]], True, "Sobel.")
_t_r_separable([[0, 1, 0], [1, -4, 1], [0, 1, 0]], False, tr(es="Laplaciano.", en="Laplacian."))
_t_r_separable([[1, 2, 1], [2, 4, 2], [1, 2, 1]], True, tr(es="Suavizado gaussiano.", en="Gaussian blur."))
_t_r_separable([[3, -1, 2, 5]], True, tr(es="Una sola fila.", en="A single row."))
_t_r_separable(np.zeros((3, 3)), True, tr(es="Un núcleo de ceros.", en="A kernel of zeros."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_r_separable(np.eye(3), False, tr(es="Diagonal.", en="Diagonal."))
_t_r_separable(np.zeros((2, 4)), True, tr(es="Ceros.", en="Zeros."))
_t_r_separable([[0], [0]], True, tr(es="Una sola columna, de ceros.", en="A single column, of zeros."))
_t_r_separable([[0, 0, 0], [0, 5, 0], [0, 0, 0]], True, tr(es="Un solo no nulo.", en="A single non-zero."))
_t_r_separable([[1e-6, 2e-6], [2e-6, 4e-6]], True, tr(es="Números muy pequeños.", en="Very small numbers."))
_t_r_separable([[1e-6, 2e-6], [2e-6, -4e-6]], False, tr(es="Números muy pequeños.", en="Very small numbers."))
_t_r_separable([[3], [-1], [2]], True, tr(es="Una sola columna.", en="A single column."))
_t_r_rng = np.random.default_rng(54)
for _t_number in range(30):
    _t_h, _t_w = int(_t_r_rng.integers(2, 6)), int(_t_r_rng.integers(2, 6))
    _t_one = np.outer(_t_r_rng.normal(0, 1, _t_h), _t_r_rng.normal(0, 1, _t_w))
    _t_r_separable(_t_one, True, tr(es="Rango 1, al azar.", en="Rank 1, at random."))
    _t_r_separable(_t_one + np.outer(_t_r_rng.normal(0, 1, _t_h), _t_r_rng.normal(0, 1, _t_w)), False, tr(es="Rango 2, al azar.", en="Rank 2, at random."))
    _t_r_separable(_t_one + 1e-9 * _t_r_rng.normal(0, 1, (_t_h, _t_w)) * np.linalg.norm(_t_one), True, tr(es="Rango 1 salvo el redondeo.", en="Rank 1 but for rounding."))
    _t_r_separable(_t_r_rng.normal(0, 1, (3, 3)), False, tr(es="3×3 al azar.", en="Random 3×3."))
### END HIDDEN TESTS

# %% test="factor/passes" points=1 row="54" objective="6b.3"
def _t_r_passes(image, column, row, want, why):
    image, column, row = (np.array(part, dtype=float) for part in (image, column, row))
    _want, _got = np.array(want, dtype=float), np.asarray(two_passes(image.copy(), column.copy(), row.copy()), dtype=float)
    _said = why + tr(es=f" Imagen {image.shape}, column de {len(column)}, row de {len(row)}.", en=f" Image {image.shape}, column of {len(column)}, row of {len(row)}.")
    assert _got.shape == _want.shape, _said + tr(es=f" Se esperaba una salida {_want.shape} y es {_got.shape}: la columna va en vertical y la fila en horizontal, y solo donde caben enteras.", en=f" An output {_want.shape} was expected and it is {_got.shape}: the column goes vertically and the row horizontally, and only where they fit whole.")
    assert np.allclose(_got, _want), _said + tr(es=f" Primera fila esperada: {np.round(_want[0], 3).tolist()}; es {np.round(_got[0], 3).tolist()}. ¿Se ha girado el núcleo (convolución) o se han cambiado los ejes?", en=f" First row expected: {np.round(_want[0], 3).tolist()}; it is {np.round(_got[0], 3).tolist()}. Has the kernel been flipped (convolution), or have the axes been swapped?")


_t_r_passes(np.arange(20).reshape(4, 5) ** 2, [1, 2, 1], [1, 0, -1], [[-96, -112, -128], [-176, -192, -208]], "Sobel.")
_t_r_passes(np.arange(20).reshape(4, 5) ** 2, [1, 2, 1], [3, -1], [[256, 336, 432, 544], [816, 976, 1152, 1344]], tr(es="Núcleo 3×2.", en="3×2 kernel."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_r_rng = np.random.default_rng(55)
for _ in range(20):
    _t_image = _t_r_rng.normal(0, 1, (int(_t_r_rng.integers(5, 9)), int(_t_r_rng.integers(5, 9))))
    _t_column, _t_row = _t_r_rng.normal(0, 1, int(_t_r_rng.integers(1, 6))), _t_r_rng.normal(0, 1, int(_t_r_rng.integers(1, 6)))
    _t_want = [[sum(_t_image[y + i, x + j] * a * b for i, a in enumerate(_t_column) for j, b in enumerate(_t_row)) for x in range(_t_image.shape[1] - len(_t_row) + 1)] for y in range(_t_image.shape[0] - len(_t_column) + 1)]
    _t_r_passes(_t_image, _t_column, _t_row, _t_want, tr(es="Al azar.", en="At random."))
### END HIDDEN TESTS

# %% test="factor/rank" points=1 row="55" objective="6b.4"
def _t_r_rank(outputs, inputs, budget, want):
    checks.same(largest_rank(outputs, inputs, budget), want, tr(
        es=f"largest_rank({outputs}, {inputs}, {budget}): la original tiene {outputs * inputs} parámetros y cada unidad de rango añade {outputs + inputs}, es decir, {4 * (outputs + inputs)} bytes. Con un rango demasiado alto el producto ocupa más que la original o que el presupuesto; si no vale ni el 1, None.",
        en=f"largest_rank({outputs}, {inputs}, {budget}): the original has {outputs * inputs} parameters and each unit of rank adds {outputs + inputs}, that is {4 * (outputs + inputs)} bytes. With too high a rank the product takes more than the original or than the budget; if not even 1 will do, None.",
    ))


_t_r_rank(100, 300, 16_000, 10)
_t_r_rank(100, 300, 10**9, 74)
_t_r_rank(100, 300, 1_599, None)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_m, _t_n, _t_budget in ((100, 300, 1_600), (100, 300, 15_999), (10, 10, 10**6), (4, 4, 10**6), (2, 2, 10**6), (3, 1, 10**6), (1, 1, 100), (512, 64, 0), (64, 4096, 10**8), (2048, 2048, 16_777_215), (6, 3, 72)):
    _t_ranks = [k for k in range(1, min(_t_m, _t_n) + 1) if 4 * k * (_t_m + _t_n) <= _t_budget and k * (_t_m + _t_n) < _t_m * _t_n]
    _t_r_rank(_t_m, _t_n, _t_budget, max(_t_ranks, default=None))
### END HIDDEN TESTS

# %% test="factor/layer" points=2 row="55" objective="6b.4"
def _t_r_layer(weights, budget, rank, why):
    weights = np.array(weights, dtype=np.float32)
    _m, _n = weights.shape
    _got = factorize(weights.copy(), budget)
    assert isinstance(_got, (tuple, list)) and len(_got) == 2, why + tr(es=" factorize devuelve el par (first, second), sin multiplicar: multiplicadas ocupan lo mismo que la original.", en=" factorize returns the pair (first, second), not multiplied: multiplied they take as much as the original.")
    _first, _second = (np.asarray(part) for part in _got)
    assert (_first.shape, _second.shape) == ((rank, _n), (_m, rank)), why + tr(es=f" Para pesos {weights.shape} y {budget} bytes se esperaban las formas {(rank, _n)} y {(_m, rank)}; son {_first.shape} y {_second.shape}.", en=f" For weights {weights.shape} and {budget} bytes, shapes {(rank, _n)} and {(_m, rank)} were expected; they are {_first.shape} and {_second.shape}.")
    assert _first.dtype == _second.dtype == np.float32 and _first.nbytes + _second.nbytes <= budget, why + tr(es=f" Tipos {_first.dtype} y {_second.dtype}, {_first.nbytes + _second.nbytes} bytes; el presupuesto son {budget} y el tipo, float32.", en=f" Types {_first.dtype} and {_second.dtype}, {_first.nbytes + _second.nbytes} bytes; the budget is {budget} and the type float32.")
    _s = np.linalg.svd(weights.astype(float), compute_uv=False)
    _least = float(np.sqrt((_s[rank:] ** 2).sum()))
    _error = float(np.linalg.norm(weights - _second.astype(float) @ _first))
    assert _error <= _least * 1.001 + 1e-4 * _s[0], why + tr(
        es=f" Con rango {rank} el error puede ser {_least:.5g} y es {_error:.5g}. Los valores singulares, {np.round(_s[:4], 3).tolist()}…, se aplican exactamente una vez.",
        en=f" With rank {rank} the error can be {_least:.5g} and it is {_error:.5g}. The singular values, {np.round(_s[:4], 3).tolist()}…, are applied exactly once.",
    )


def _t_r_refuses(shape, budget, why):
    try:
        _got = factorize(np.ones(shape, np.float32), budget)
    except ValueError:
        return
    _sizes = [np.asarray(part).shape for part in _got] if isinstance(_got, (tuple, list)) else type(_got).__name__
    raise AssertionError(why + tr(es=f" Para pesos {shape} y {budget} bytes no hay rango que valga: se esperaba ValueError y ha devuelto {_sizes}.", en=f" For weights {shape} and {budget} bytes no rank will do: ValueError was expected and it returned {_sizes}."))


_t_r_some = np.arange(1, 41).reshape(5, 8) % 7 * 1.0
_t_r_layer(_t_r_some, 120, 2, tr(es="Una capa 5×8.", en="A 5×8 layer."))
_t_r_layer(_t_r_some, 10**6, 3, tr(es="Con bytes de sobra manda el tamaño de la original.", en="With bytes to spare, the size of the original rules."))
_t_r_refuses((5, 8), 51, tr(es="No cabe ni el rango 1.", en="Not even rank 1 fits."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_r_refuses((2, 2), 10**6, tr(es="El rango 1 de una 2×2 tiene 4 parámetros, los mismos.", en="Rank 1 of a 2×2 has 4 parameters, as many."))
_t_r_rng = np.random.default_rng(56)
for _t_m, _t_n in ((20, 30), (30, 20), (12, 64), (25, 25)):
    for _t_k in (1, 2, 5):
        _t_r_layer(_t_r_rng.normal(0, 1, (_t_m, _t_n)), 4 * _t_k * (_t_m + _t_n) + 7, _t_k, tr(es="Al azar.", en="At random."))
        _t_r_layer(_t_r_rng.normal(0, 1, (_t_m, _t_k)) @ _t_r_rng.normal(0, 9, (_t_k, _t_n)), 4 * _t_k * (_t_m + _t_n), _t_k, tr(es="De rango justo k.", en="Of rank exactly k."))
### END HIDDEN TESTS

# %% wrong="factor" score=4 says_es="No toda matriz 3×3" says_en="Not every 3×3"
# es: Toda 3×3 es un producto de 3×1 por 1×3.
# en: Every 3×3 is a product of 3×1 by 1×3.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=4 says_es="Su rango no es 1" says_en="Its rank is not 1"
# es: Es separable si su determinante es 0.
# en: It is separable if its determinant is 0.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if values[-1] > 1e-5 * values[0]:
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=4 says_es="Su rango no es 1" says_en="Its rank is not 1"
# es: Con un 60 % de la energía en el primer valor singular ya es separable.
# en: With 60% of the energy in the first singular value it is separable.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if values[0] ** 2 < 0.6 * (values**2).sum():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=5 says_es="cambiado los ejes" says_en="axes been swapped"
# es: La columna recorre la imagen de izquierda a derecha.
# en: The column runs over the image from left to right.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=1) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=0) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=5 says_es="Se ha girado el núcleo" says_en="kernel been flipped"
# es: Una capa de convolución hace la convolución de los libros: np.convolve.
# en: A convolution layer does the convolution of textbooks: np.convolve.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.stack([np.convolve(image[:, x], column, "valid") for x in range(image.shape[1])], axis=1)
    return np.stack([np.convolve(line, row, "valid") for line in tall])


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=3 says_es="rango demasiado alto" says_en="too high a rank"
# es: Todo rango menor que el completo comprime.
# en: Every rank below the full one compresses.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank < min(outputs, inputs) and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=3 says_es="rango demasiado alto" says_en="too high a rank"
# es: El 90 % del rango comprime un 10 %.
# en: 90% of the rank compresses by 10%.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    rank = int(0.9 * min(outputs, inputs))
    return rank if 4 * rank * max(outputs, inputs) <= budget_bytes else None


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=4 says_es="exactamente una vez" says_en="exactly once"
# es: Los valores singulares van con los dos factores.
# en: The singular values go with both factors.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank] * values[:rank])

# %% wrong="factor" score=4 says_es="exactamente una vez" says_en="exactly once"
# es: Los dos factores son las bases U y V.
# en: Both factors are the bases U and V.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(right[:rank]), np.float32(left[:, :rank])

# %% wrong="factor" score=4 says_es="sin multiplicar" says_en="not multiplied"
# es: La capa comprimida es el producto de los dos factores.
# en: The compressed layer is the product of both factors.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes)
    if not rank:
        raise ValueError((weights.shape, budget_bytes))
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(left[:, :rank] * values[:rank] @ right[:rank])

# %% wrong="factor" score=4 says_es="no hay rango que valga" says_en="no rank will do"
# es: Si no cabe, se usa el rango 1.
# en: If it does not fit, use rank 1.
def separable(kernel):
    left, values, right = np.linalg.svd(np.array(kernel, dtype=float), full_matrices=False)
    if (values[1:] > 1e-5 * values[0]).any():
        return None
    root = np.sqrt(values[0])
    return root * left[:, 0], root * right[0]


def two_passes(image, column, row):
    tall = np.lib.stride_tricks.sliding_window_view(image, len(column), axis=0) @ column
    return np.lib.stride_tricks.sliding_window_view(tall, len(row), axis=1) @ row


def largest_rank(outputs, inputs, budget_bytes):
    each = outputs + inputs
    best = None
    for rank in range(1, min(outputs, inputs) + 1):
        if rank * each < outputs * inputs and 4 * rank * each <= budget_bytes:
            best = rank
    return best


def factorize(weights, budget_bytes):
    outputs, inputs = weights.shape
    rank = largest_rank(outputs, inputs, budget_bytes) or 1
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return np.float32(np.diag(values[:rank]) @ right[:rank]), np.float32(left[:, :rank])

# %% right="factor"
# es: con autovalores de W·Wᵀ, la mayor entrada como pivote y bucles
# en: with eigenvalues of W·Wᵀ, the largest entry as pivot, and loops
def separable(kernel):
    kernel = np.array(kernel, dtype=float)
    y, x = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
    if kernel[y, x] == 0:
        return np.zeros(len(kernel)), np.zeros(len(kernel[0]))
    column, row = kernel[:, x], kernel[y] / kernel[y, x]
    return (column, row) if np.abs(kernel - np.outer(column, row)).max() <= 1e-5 * np.abs(kernel).max() else None


def two_passes(image, column, row):
    def correlate(lines, weights):
        return np.array([np.correlate(line, weights, mode="valid") for line in lines])

    return correlate(correlate(image.T, column).T, row)


def largest_rank(outputs, inputs, budget_bytes):
    limit = min(budget_bytes, 4 * outputs * inputs - 1)
    return limit // 4 // (outputs + inputs) or None


def factorize(weights, budget_bytes):
    rank = largest_rank(weights.shape[0], weights.shape[1], budget_bytes)
    if rank is None:
        raise ValueError("it does not compress")
    wide = weights.astype(np.float64)
    _, basis = np.linalg.eigh(wide @ wide.T)
    second = basis[:, ::-1][:, :rank]
    return (second.T @ wide).astype("float32"), second.astype("float32")

# %% [markdown] lang="es" row="56"
# ## 4. La convolución de MobileNet (5 puntos)
#
# La convolución estándar de $k \times k$ mezcla a la vez vecinos y canales. La separable en profundidad (Howard y otros, *MobileNets*, 2017) lo hace en dos capas: primero cada canal se filtra **con su propio** núcleo $k \times k$ (*depthwise*) y después, en cada posición, se mezclan los canales con una matriz (*pointwise*, 1×1). Sin relleno, con paso 1, sin sesgos y sin nada entre las dos. Completa:
#
# **a)** `depthwise_separable(x, depthwise, pointwise)`: `x` tiene forma (canales, alto, ancho); `depthwise`, (canales, k, k); y `pointwise`, (salidas, canales). Devuelve un array de NumPy de forma (salidas, alto − k + 1, ancho − k + 1). Como en las redes, el núcleo no se gira.
#
# **b)** `macs(channels, outputs, kernel, height, width)`: el par `(standard, separable)` de operaciones que hacen las dos, contadas en MAC (una multiplicación con su suma es una), siendo `height` y `width` los de **la salida**. Los sesgos no se multiplican: no cuentan.
#
# **c)** `least_outputs(kernel, factor)`: el menor número de canales de salida con el que la separable hace como mucho `1 / factor` de las operaciones de la estándar (`factor` es un entero mayor que 1); `None` si no lo hay. El resultado es exacto: cuidado con los decimales.
#
# **d)** `speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s)`: menos operaciones no son menos tiempo en la misma proporción. Una capa tarda lo que la más lenta de dos cosas: calcular sus operaciones (MAC) y mover sus números (4 bytes cada uno: su entrada, sus pesos y su salida, una vez). La separable son dos capas, una detrás de otra, y la primera escribe lo que la segunda lee. La entrada tiene `height + kernel - 1` filas y `width + kernel - 1` columnas. Devuelve cuántas veces más rápida es la separable.
# %% [markdown] lang="en" row="56"
# ## 4. MobileNet's convolution (5 points)
#
# A standard $k \times k$ convolution mixes neighbours and channels at once. The depthwise separable one (Howard and others, *MobileNets*, 2017) does it in two layers: first each channel is filtered **with its own** $k \times k$ kernel (depthwise), and then, at each position, the channels are mixed by a matrix (pointwise, 1×1). Without padding, with stride 1, without biases and with nothing between the two. Complete:
#
# **a)** `depthwise_separable(x, depthwise, pointwise)`: `x` has shape (channels, height, width); `depthwise`, (channels, k, k); and `pointwise`, (outputs, channels). It returns a NumPy array of shape (outputs, height − k + 1, width − k + 1). As in networks, the kernel is not flipped.
#
# **b)** `macs(channels, outputs, kernel, height, width)`: the pair `(standard, separable)` of operations that both do, counted in MACs (a multiplication with its addition is one), where `height` and `width` are those of **the output**. Biases are not multiplied: they do not count.
#
# **c)** `least_outputs(kernel, factor)`: the least number of output channels with which the separable one does at most `1 / factor` of the operations of the standard one (`factor` is an integer above 1); `None` if there is none. The result is exact: beware of decimals.
#
# **d)** `speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s)`: fewer operations are not less time in the same proportion. A layer takes as long as the slower of two things: computing its operations (MACs) and moving its numbers (4 bytes each: its input, its weights and its output, once). The separable one is two layers, one after the other, and the first writes what the second reads. The input has `height + kernel - 1` rows and `width + kernel - 1` columns. It returns how many times as fast as the standard one the separable one is.

# %% answer="depthwise"
def depthwise_separable(x, depthwise, pointwise):
    ### BEGIN SOLUTION
    k = depthwise.shape[-1]
    height, width = x.shape[1] - k + 1, x.shape[2] - k + 1
    filtered = np.zeros((len(x), height, width))
    for i in range(k):
        for j in range(k):
            filtered += depthwise[:, i, j, None, None] * x[:, i : i + height, j : j + width]
    return np.einsum("nc,chw->nhw", pointwise, filtered)
    ### END SOLUTION


def macs(channels, outputs, kernel, height, width):
    ### BEGIN SOLUTION
    places = height * width
    return places * kernel**2 * channels * outputs, places * channels * (kernel**2 + outputs)
    ### END SOLUTION


def least_outputs(kernel, factor):
    ### BEGIN SOLUTION
    # es: 1/N + 1/k² <= 1/factor, todo multiplicado por N k² factor
    # en: 1/N + 1/k² <= 1/factor, all multiplied by N k² factor
    left = kernel**2 - factor
    return -(-factor * kernel**2 // left) if left > 0 else None
    ### END SOLUTION


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    ### BEGIN SOLUTION
    def seconds(operations, *numbers):
        return max(operations / macs_per_s, 4 * sum(numbers) / bytes_per_s)

    given = channels * (height + kernel - 1) * (width + kernel - 1)
    between, result = channels * height * width, outputs * height * width
    standard = seconds(result * channels * kernel**2, given, channels * outputs * kernel**2, result)
    first = seconds(between * kernel**2, given, channels * kernel**2, between)
    second = seconds(result * channels, between, channels * outputs, result)
    return standard / (first + second)
    ### END SOLUTION

# %% test="depthwise/values" points=2 row="56" objective="6b.5"
from mlprod import checks


def _t_d_values(x, depthwise, pointwise, want, why, summed=None, first=None, mixed=None):
    """`summed`, `first` and `mixed`: what three misconceptions give in the last output's first row."""
    x, depthwise, pointwise, want = (np.array(part, dtype=float) for part in (x, depthwise, pointwise, want))
    _got = np.asarray(depthwise_separable(x.copy(), depthwise.copy(), pointwise.copy()), dtype=float)
    _said = why + tr(es=f" x {x.shape}, depthwise {depthwise.shape}, pointwise {pointwise.shape}.", en=f" x {x.shape}, depthwise {depthwise.shape}, pointwise {pointwise.shape}.")
    assert _got.shape == want.shape, _said + tr(es=f" Se esperaba la forma {want.shape} y es {_got.shape}.", en=f" Shape {want.shape} was expected and it is {_got.shape}.")
    if np.allclose(_got, want, atol=1e-4):
        return
    if summed is not None and np.allclose(_got[-1, 0], summed):
        _hint = tr(es=" Cada filtro ha recibido la suma de todos los canales: en la primera capa cada canal va por su lado.", en=" Each filter has received the sum of all channels: in the first layer each channel goes on its own.")
    elif first is not None and np.allclose(_got[-1, 0], first):
        _hint = tr(es=" Todos los canales se han filtrado con el primer núcleo: cada canal tiene el suyo.", en=" All channels have been filtered with the first kernel: each channel has its own.")
    elif mixed is not None and np.allclose(_got[-1, 0], mixed):
        _hint = tr(es=" Primero el filtro de cada canal y después la mezcla: no da igual.", en=" First each channel's filter, and then the mixing: it does matter.")
    else:
        _hint = tr(es=" ¿Se ha girado el núcleo (convolución) o se ha traspuesto pointwise?", en=" Has the kernel been flipped (convolution), or pointwise transposed?")
    _at = np.unravel_index(np.abs(_got - want).argmax(), want.shape)
    raise AssertionError(_said + tr(es=f" En {tuple(map(int, _at))} se esperaba {want[_at]:.5g} y es {_got[_at]:.5g}.", en=f" At {tuple(map(int, _at))}, {want[_at]:.5g} was expected and it is {_got[_at]:.5g}.") + _hint)


_t_d_x = (np.arange(40).reshape(2, 4, 5) * 7 % 11).astype(float)
_t_d_filters = np.arange(18).reshape(2, 3, 3) % 5 - 2.0
_t_d_two = [[38, 7, -46], [4, -104, -102]], [[-12, 3, -26], [-58, 45, 5]]
_t_d_values(_t_d_x, _t_d_filters, [[1, 4], [2, -3]], _t_d_two, tr(es="Dos canales, dos salidas.", en="Two channels, two outputs."), summed=[8, -39, 46], first=[9, 78, -62], mixed=[-36, -7, -22])
_t_d_values(_t_d_x, _t_d_filters, [[1, 0], [0, 1], [2, -3]], [[[6, 3, -22], [-20, -12, -26]], [[8, 1, -6], [6, -23, -19]], _t_d_two[1]], tr(es="Dos canales, tres salidas.", en="Two channels, three outputs."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_d_naive(x, depthwise, pointwise):
    _k = depthwise.shape[-1]
    _out = np.zeros((len(pointwise), x.shape[1] - _k + 1, x.shape[2] - _k + 1))
    for _o, _y, _x in np.ndindex(*_out.shape):
        _out[_o, _y, _x] = sum(pointwise[_o, c] * (x[c, _y : _y + _k, _x : _x + _k] * depthwise[c]).sum() for c in range(len(x)))
    return _out


_t_d_rng = np.random.default_rng(56)
for _ in range(25):
    _t_c, _t_n, _t_k = (int(_t_d_rng.integers(1, 5)) for _ in range(3))
    _t_given = _t_d_rng.normal(0, 1, (_t_c, _t_k + int(_t_d_rng.integers(0, 5)), _t_k + int(_t_d_rng.integers(0, 5)))), _t_d_rng.normal(0, 1, (_t_c, _t_k, _t_k)), _t_d_rng.normal(0, 1, (_t_n, _t_c))
    _t_d_values(*_t_given, _t_d_naive(*_t_given), tr(es="Al azar.", en="At random."))
### END HIDDEN TESTS

# %% test="depthwise/macs" points=1 row="56" objective="6b.5"
def _t_d_macs(c, n, k, h, w, want):
    checks.same(macs(c, n, k, h, w), want, tr(
        es=f"macs({c}, {n}, {k}, {h}, {w}), estándar y separable. En cada una de las {h * w} posiciones de la salida: {n}·{c}·{k * k} la estándar; y la otra, {c}·{k * k} de la primera capa más {n}·{c} de la segunda. Sin sesgos.",
        en=f"macs({c}, {n}, {k}, {h}, {w}), standard and separable. At each of the {h * w} positions of the output: {n}·{c}·{k * k} for the standard one; and for the other, {c}·{k * k} of the first layer plus {n}·{c} of the second. Without biases.",
    ))


_t_d_macs(3, 5, 3, 4, 6, (3_240, 1_008))
_t_d_macs(64, 128, 3, 28, 28, (57_802_752, 6_874_112))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_row in ((1, 1, 1, 1, 1), (32, 64, 5, 7, 9), (512, 512, 3, 14, 14), (3, 32, 7, 20, 30)):
    _t_c, _t_n, _t_k, _t_h, _t_w = _t_row
    _t_d_macs(*_t_row, (sum(_t_n * _t_c * _t_k * _t_k for _ in range(_t_h * _t_w)), sum(_t_c * _t_k * _t_k + _t_n * _t_c for _ in range(_t_h * _t_w))))
### END HIDDEN TESTS

# %% test="depthwise/outputs" points=1 row="56" objective="6b.5"
def _t_d_outputs(kernel, factor, want):
    checks.same(least_outputs(kernel, factor), want, tr(
        es=f"least_outputs({kernel}, {factor}): la separable hace 1/N + 1/{kernel**2} de las operaciones de la estándar, con N salidas. Tiene que llegar a 1/{factor}; por muchas que haya, no baja de 1/{kernel**2}, ni lo alcanza: si ese límite no es menor que lo pedido, None. Cuenta con enteros o con Fraction: al redondear hacia arriba un cociente de decimales puede salir una de más.",
        en=f"least_outputs({kernel}, {factor}): the separable one does 1/N + 1/{kernel**2} of the operations of the standard one, with N outputs. It has to get to 1/{factor}; however many there are, it does not fall below 1/{kernel**2}, nor reach it: if that limit is not less than what is asked, None. Use integers or Fraction: rounding up a quotient of decimals may give one too many.",
    ))


_t_d_outputs(3, 8, 72)
_t_d_outputs(3, 2, 3)
_t_d_outputs(2, 3, 12)
_t_d_outputs(3, 9, None)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_kernel in (1, 2, 3, 5, 7):
    for _t_factor in range(2, 55):
        _t_least = (n for n in range(1, 3_000) if _t_factor * (_t_kernel**2 + n) <= n * _t_kernel**2)
        _t_d_outputs(_t_kernel, _t_factor, next(_t_least, None))
### END HIDDEN TESTS

# %% test="depthwise/speedup" points=1 row="56" objective="6b.5"
def _t_d_speedup(c, n, k, h, w, macs_per_s, bytes_per_s, want, layers, why):
    """`layers`: the microseconds of the standard layer and of the two of the separable one."""
    _fewer, _got = n * k * k / (k * k + n), checks.number(speedup(c, n, k, h, w, macs_per_s, bytes_per_s), "speedup")
    _said = why + tr(
        es=f" (canales {c}, salidas {n}, núcleo {k}, salida {h}×{w}, {macs_per_s:g} MAC/s, {bytes_per_s:g} B/s) La capa estándar tarda {layers[0]:.6g} µs; las dos de la separable, {layers[1]:.6g} y {layers[2]:.6g}.",
        en=f" (channels {c}, outputs {n}, kernel {k}, output {h}×{w}, {macs_per_s:g} MAC/s, {bytes_per_s:g} B/s) The standard layer takes {layers[0]:.6g} µs; the two of the separable one, {layers[1]:.6g} and {layers[2]:.6g}.",
    )
    if abs(_got - _fewer) < 1e-6 < abs(want - _fewer):
        _said += tr(es=f" {_fewer:.4f} es el cociente de las operaciones, y una capa también mueve números: el máximo se toma en cada una de las tres capas por separado.", en=f" {_fewer:.4f} is the quotient of the operations, and a layer also moves numbers: take the maximum in each of the three layers on its own.")
    elif abs(_got - want) > 1e-6 * want:
        _said += tr(es=" ¿El máximo de las dos cosas en cada capa, y no la suma? ¿4 bytes por número? ¿Entrada con sus bordes, pesos y salida, en las tres?", en=" The maximum of the two things in each layer, and not their sum? 4 bytes a number? Input with its borders, weights and output, in all three?")
    checks.same(_got, want, _said, tolerance=1e-6)


_t_d_speedup(128, 128, 3, 28, 28, 50e9, 10e9, 6.729413167, (2312.11008, 86.6816, 256.90112), tr(es="Un procesador corriente.", en="An ordinary processor."))
_t_d_speedup(128, 128, 3, 28, 28, 1e9, 1e12, 8.408759124, (115605.504, 903.168, 12845.056), tr(es="Un procesador lento con una memoria rápida: mandan las operaciones.", en="A slow processor with a fast memory: the operations decide."))
_t_d_speedup(4, 8, 3, 16, 16, 50e9, 1e9, 0.665201465, (14.528, 9.424, 12.416), tr(es="Pocos canales y una memoria lenta: en las tres capas manda mover números, y la separable es más lenta.", en="Few channels and a slow memory: in all three layers moving numbers decides, and the separable one is slower."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_d_time(operations, numbers, macs_per_s, bytes_per_s):
    return max(Fraction(operations) / Fraction(macs_per_s), Fraction(4 * numbers) / Fraction(bytes_per_s))


_t_d_rng = np.random.default_rng(57)
for _ in range(40):
    _t_c, _t_n, _t_h, _t_w = (int(_t_d_rng.integers(1, top)) for top in (200, 200, 60, 60))
    _t_k, _t_rate, _t_bandwidth = int(_t_d_rng.choice([1, 3, 5])), float(10 ** _t_d_rng.uniform(9, 11)), float(10 ** _t_d_rng.uniform(9, 11))
    _t_in, _t_mid, _t_out = _t_c * (_t_h + _t_k - 1) * (_t_w + _t_k - 1), _t_c * _t_h * _t_w, _t_n * _t_h * _t_w
    _t_standard = _t_d_time(_t_out * _t_c * _t_k * _t_k, _t_in + _t_c * _t_n * _t_k * _t_k + _t_out, _t_rate, _t_bandwidth)
    _t_depth = _t_d_time(_t_mid * _t_k * _t_k, _t_in + _t_c * _t_k * _t_k + _t_mid, _t_rate, _t_bandwidth)
    _t_point = _t_d_time(_t_out * _t_c, _t_mid + _t_c * _t_n + _t_out, _t_rate, _t_bandwidth)
    _t_d_speedup(_t_c, _t_n, _t_k, _t_h, _t_w, _t_rate, _t_bandwidth, float(_t_standard / (_t_depth + _t_point)), [float(1e6 * seconds) for seconds in (_t_standard, _t_depth, _t_point)], tr(es="Otra capa.", en="Another layer."))
### END HIDDEN TESTS

# %% wrong="depthwise" score=3 says_es="cada canal va por su lado" says_en="each channel goes on its own"
# es: Un filtro de convolución suma todos los canales.
# en: A convolution filter adds up all channels.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("dhwij,cij->chw", windows, depthwise)
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=3 says_es="cada canal tiene el suyo" says_en="each channel has its own"
# es: Hay un filtro y se pasa por todos los canales.
# en: There is one filter, and it runs over all channels.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, np.broadcast_to(depthwise[0], depthwise.shape))
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=3 says_es="y después la mezcla" says_en="and then the mixing"
# es: Primero se mezclan los canales y después se filtran: son lineales y da igual.
# en: First mix the channels and then filter them: both are linear, so it does not matter.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    mixed = np.tensordot(pointwise, x, axes=1)
    windows = np.lib.stride_tricks.sliding_window_view(mixed, (k, k), axis=(1, 2))
    filters = [depthwise[i % len(depthwise)] for i in range(len(mixed))]
    return np.einsum("chwij,cij->chw", windows, np.array(filters))


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=3 says_es="Se ha girado el núcleo" says_en="the kernel been flipped"
# es: Una capa de convolución gira el núcleo.
# en: A convolution layer turns the kernel round.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, depthwise[:, ::-1, ::-1])
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=4 says_es="Sin sesgos" says_en="Without biases"
# es: Cada salida de cada capa suma además un sesgo.
# en: Each output of each layer adds a bias as well.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, depthwise)
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard + height * width * outputs, first + second + height * width * (channels + outputs)


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard = height * width * channels * outputs * kernel**2
    separable = height * width * channels * (kernel**2 + outputs)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=4 says_es="posiciones de la salida" says_en="positions of the output"
# es: Las operaciones se cuentan en las posiciones de la entrada.
# en: Operations are counted at the positions of the input.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, depthwise)
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    height, width = height + kernel - 1, width + kernel - 1
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard = height * width * channels * outputs * kernel**2
    separable = height * width * channels * (kernel**2 + outputs)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=4 says_es="no baja de 1/9" says_en="does not fall below 1/9"
# es: Hace 8 o 9 veces menos operaciones siempre.
# en: It does 8 to 9 times fewer operations, always.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, depthwise)
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return 1 if factor <= 9 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% wrong="depthwise" score=4 says_es="también mueve números" says_en="also moves numbers"
# es: El tiempo es proporcional a las operaciones.
# en: Time is proportional to operations.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, depthwise)
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = Fraction(1, factor) - Fraction(1, kernel**2)
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return standard / separable

# %% wrong="depthwise" score=4 says_es="una de más" says_en="one too many"
# es: Se calcula con decimales y se redondea hacia arriba.
# en: Compute with decimals and round up.
def depthwise_separable(x, depthwise, pointwise):
    k = depthwise.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    filtered = np.einsum("chwij,cij->chw", windows, depthwise)
    return np.tensordot(pointwise, filtered, axes=1)


def macs(channels, outputs, kernel, height, width):
    standard = height * width * channels * outputs * kernel * kernel
    first = height * width * channels * kernel * kernel
    second = height * width * channels * outputs
    return standard, first + second


def least_outputs(kernel, factor):
    rest = 1 / factor - 1 / kernel**2
    return math.ceil(1 / rest) if rest > 0 else None


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    standard, separable = macs(channels, outputs, kernel, height, width)
    pointwise = height * width * channels * outputs
    into = channels * (height + kernel - 1) * (width + kernel - 1)
    middle, out = channels * height * width, outputs * height * width
    jobs = [
        (standard, into + out + channels * outputs * kernel**2),
        (separable - pointwise, into + middle + channels * kernel**2),
        (pointwise, middle + out + channels * outputs),
    ]
    times = [max(operations / macs_per_s, 4 * numbers / bytes_per_s) for operations, numbers in jobs]
    return times[0] / (times[1] + times[2])

# %% right="depthwise"
# es: con la convolución por grupos de torch, y buscando en vez de despejar
# en: with torch's grouped convolution, and searching instead of solving
def depthwise_separable(x, depthwise, pointwise):
    image, filters, mixer = (torch.from_numpy(np.ascontiguousarray(part, dtype=np.float64)) for part in (x, depthwise, pointwise))
    middle = F.conv2d(image[None], filters[:, None], groups=len(image))
    return F.conv2d(middle, mixer[:, :, None, None])[0].numpy()


def macs(channels, outputs, kernel, height, width):
    dense = torch.nn.Conv2d(channels, outputs, kernel, bias=False)
    depth = torch.nn.Conv2d(channels, channels, kernel, groups=channels, bias=False)
    point = torch.nn.Conv2d(channels, outputs, 1, bias=False)
    counts = [sum(weight.numel() for weight in layer.parameters()) * height * width for layer in (dense, depth, point)]
    return counts[0], counts[1] + counts[2]


def least_outputs(kernel, factor):
    outputs = 1
    while factor * (kernel**2 + outputs) > outputs * kernel**2:
        outputs += 1
        if outputs > 4 * kernel**4 + 4:
            return None
    return outputs


def speedup(channels, outputs, kernel, height, width, macs_per_s, bytes_per_s):
    def layer(reads, filters, weights_each, writes):
        compute = filters * weights_each * height * width / macs_per_s
        traffic = (reads + filters * weights_each + writes) * 4 / bytes_per_s
        return compute if compute > traffic else traffic

    area = height * width
    padded = (height + kernel - 1) * (width + kernel - 1)
    two = layer(channels * padded, channels, kernel**2, channels * area) + layer(channels * area, outputs, channels, outputs * area)
    return layer(channels * padded, outputs, channels * kernel**2, outputs * area) / two

# %% [markdown] lang="es" row="57"
# ## 5. Una escalera de factores (5 puntos)
#
# Un caso real encadena varias técnicas: modelo más pequeño, entradas más cortas, 8 bits, menos hilos, caché. La escalera (*ladder*) es una lista de pares `(name, ms)`, sus peldaños: el primero, la línea de base ingenua; después, lo que tarda de media una petición tras añadir **cada paso a los anteriores**. Completa:
#
# **a)** `step_factors(rungs)`: la lista de pares `(name, factor)` de todos los peldaños menos el primero: cuántas veces más rápido es que el peldaño **justo anterior** (menos de 1: ese paso lo empeora).
#
# **b)** `total_factor(rungs, base)`: cuántas veces más rápido es el último peldaño que el llamado `base`. Con una base ingenua (relleno al máximo, sin optimizar) y una justa (optimizada y sin relleno: lo que haría cualquiera antes de comprimir) salen números muy distintos: hay que decir las dos.
#
# **c)** `hit_rate(requests, capacity)`: la fracción de peticiones que acierta una caché LRU de `capacity` claves que empieza vacía: si está llena, se tira la que lleva más tiempo **sin usarse**, y un acierto también es un uso. 0.0 si no hay peticiones; `capacity` puede ser 0.
#
# **d)** `with_cache(ms, lookup_ms, rate)`: los milisegundos que tarda de media una petición con la caché delante. Mirar en la caché cuesta `lookup_ms` a **todas**, y las que fallan pagan además `ms`.
#
# **e)** `order_range(times, step)`: el factor de un paso depende de lo que ya se haya hecho. `times` es un diccionario de `frozenset` de pasos a milisegundos, con **todos** los subconjuntos. Devuelve `(least, greatest)`: el menor y el mayor factor de `step` añadido a cualquier subconjunto que no lo contenga.
#
# La celda siguiente es una escalera de ejemplo, `RUNGS`, que usan las comprobaciones; no hay que cambiar nada en ella.
# %% [markdown] lang="en" row="57"
# ## 5. A ladder of factors (5 points)
#
# A real case chains several techniques: a smaller model, shorter inputs, 8 bits, fewer threads, a cache. The ladder is a list of pairs `(name, ms)`, its rungs: the first one, the naive baseline; then, what a request takes on average after adding **each step to those before**. Complete:
#
# **a)** `step_factors(rungs)`: the list of pairs `(name, factor)` of all rungs but the first: how many times as fast as the rung **just before** each is (less than 1: that step makes it worse).
#
# **b)** `total_factor(rungs, base)`: how many times as fast as the rung called `base` the last one is. With a naive baseline (padded to the maximum, not optimized) and a fair one (optimized and without padding: what anybody would do before compressing) the numbers differ much: both have to be told.
#
# **c)** `hit_rate(requests, capacity)`: the fraction of requests that hit an LRU cache of `capacity` keys that begins empty: when it is full, the one that has gone **unused** for longest is thrown out, and a hit is a use as well. 0.0 if there are no requests; `capacity` may be 0.
#
# **d)** `with_cache(ms, lookup_ms, rate)`: the milliseconds that a request takes on average with the cache in front. Looking into the cache costs `lookup_ms` to **all** of them, and those that miss pay `ms` as well.
#
# **e)** `order_range(times, step)`: the factor of a step depends on what has been done already. `times` is a dict from `frozenset` of steps to milliseconds, with **all** subsets. It returns `(least, greatest)`: the least and the greatest factor of `step` added to any subset that does not contain it.
#
# The next cell is an example of a ladder, `RUNGS`, which the checks use; nothing has to be changed there.

# %%
RUNGS = [("padded", 90.0), ("optimized", 45.0), ("no padding", 15.0), ("student", 5.0), ("int8", 4.0)]

# %% answer="ladder"
def step_factors(rungs):
    ### BEGIN SOLUTION
    return [(name, before / ms) for (_, before), (name, ms) in zip(rungs, rungs[1:], strict=False)]
    ### END SOLUTION


def total_factor(rungs, base):
    ### BEGIN SOLUTION
    return dict(rungs)[base] / rungs[-1][1]
    ### END SOLUTION


def hit_rate(requests, capacity):
    ### BEGIN SOLUTION
    cache, hits = OrderedDict(), 0
    for key in requests:
        hits += key in cache
        cache[key] = None
        cache.move_to_end(key)
        if len(cache) > capacity:
            cache.popitem(last=False)
    return hits / len(requests) if requests else 0.0
    ### END SOLUTION


def with_cache(ms, lookup_ms, rate):
    ### BEGIN SOLUTION
    return lookup_ms + (1 - rate) * ms
    ### END SOLUTION


def order_range(times, step):
    ### BEGIN SOLUTION
    factors = [ms / times[done | {step}] for done, ms in times.items() if step not in done]
    return min(factors), max(factors)
    ### END SOLUTION

# %% test="ladder/factors" points=2 row="57" objective="6b.6"
from mlprod import checks


def _t_l_steps(rungs, want, why):
    _got = step_factors(list(rungs))
    checks.same(_got, want, f"{why}\n  {rungs}", tolerance=1e-6)


def _t_l_total(rungs, base, want, why):
    checks.same(checks.number(total_factor(list(rungs), base), "total_factor"), want, f'{why}\n  total_factor({rungs}, "{base}"):', tolerance=1e-6)


_t_l_steps(RUNGS, [("optimized", 2.0), ("no padding", 3.0), ("student", 3.0), ("int8", 1.25)], tr(es="El factor de un paso es respecto al peldaño anterior, no a la base.", en="A step's factor is against the rung before, not against the baseline."))
_t_l_total(RUNGS, "padded", 22.5, tr(es="2 · 3 · 3 · 1.25: los factores se multiplican, no se suman.", en="2 · 3 · 3 · 1.25: factors multiply, they do not add up."))
_t_l_total(RUNGS, "no padding", 3.75, tr(es="Respecto a la base justa (optimizada y sin relleno, antes de comprimir) es la sexta parte.", en="Against the fair baseline (optimized and without padding, before compressing) it is a sixth of that."))
_t_l_total([("a", 12.0), ("b", 4.0), ("worse", 6.0)], "a", 2.0, tr(es="El último peldaño, aunque no sea el más rápido.", en="The last rung, even if it is not the fastest."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_l_steps([("only", 7.0)], [], tr(es="Solo la base.", en="Only the baseline."))
_t_l_steps([("a", 10.0), ("worse", 20.0), ("b", 4.0)], [("worse", 0.5), ("b", 5.0)], tr(es="Un paso que empeora.", en="A step that makes it worse."))
_t_l_total([("only", 7.0)], "only", 1.0, tr(es="Solo la base.", en="Only the baseline."))
_t_l_rng = np.random.default_rng(57)
for _ in range(30):
    _t_some = [(f"s{number}", float(_t_l_rng.uniform(0.1, 50))) for number in range(int(_t_l_rng.integers(2, 8)))]
    _t_l_steps(_t_some, [(_t_some[i][0], _t_some[i - 1][1] / _t_some[i][1]) for i in range(1, len(_t_some))], tr(es="Otra escalera.", en="Another ladder."))
    for _t_name, _t_ms in _t_some:
        _t_l_total(_t_some, _t_name, _t_ms / _t_some[-1][1], tr(es="Otra escalera.", en="Another ladder."))
### END HIDDEN TESTS

# %% test="ladder/cache" points=2 row="57" objective="6b.6"
def _t_l_hits(requests, capacity, hits, why):
    checks.same(checks.number(hit_rate(list(requests), capacity), "hit_rate"), hits / max(len(requests), 1), why + tr(es=f" Peticiones {list(requests)[:20]}, capacidad {capacity}: {hits} aciertos de {len(requests)}.", en=f" Requests {list(requests)[:20]}, capacity {capacity}: {hits} hits of {len(requests)}."))


def _t_l_mean(ms, lookup_ms, rate, want, why):
    checks.same(checks.number(with_cache(ms, lookup_ms, rate), "with_cache"), want, f"{why}\n  with_cache({ms}, {lookup_ms}, {rate}):")


_t_l_hits("abababab", 2, 6, tr(es="Caben las dos.", en="There is room for both."))
_t_l_hits("abcabcabc", 2, 0, tr(es="Tres claves por turnos en dos sitios: se tira siempre la que se va a pedir después. La tasa de aciertos es del tráfico y de la capacidad, no de cuántas claves distintas hay.", en="Three keys by turns in two places: the one thrown out is always the one that is asked for next. The hit rate belongs to the traffic and the capacity, not to how many different keys there are."))
_t_l_hits("abacaba", 2, 3, tr(es="Un acierto también es un uso: al llegar c se tira b, no a.", en="A hit is a use as well: when c comes, b is thrown out, not a."))
_t_l_hits("", 3, 0, tr(es="Sin peticiones.", en="Without requests."))
_t_l_hits("aaaa", 0, 0, tr(es="Sin sitio.", en="Without room."))
_t_l_mean(20.0, 1.0, 0.75, 6.0, tr(es="Todas miran en la caché, también las que fallan: 1 + 0.25 · 20.", en="All look into the cache, also those that miss: 1 + 0.25 · 20."))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_l_lru(requests, capacity):
    _order, _hits = [], 0
    for _key in requests:
        if _key in _order:
            _hits += 1
            _order.remove(_key)
        _order.append(_key)
        del _order[: max(len(_order) - capacity, 0)]
    return _hits


_t_l_hits("aaaa", 1, 3, tr(es="Un sitio.", en="One place."))
_t_l_rng = np.random.default_rng(58)
for _t_number in range(40):
    _t_some = np.minimum(_t_l_rng.zipf(1.5, 120), 60).tolist()
    _t_l_hits(_t_some, _t_number % 12, _t_l_lru(_t_some, _t_number % 12), tr(es="Tráfico al azar.", en="Random traffic."))
for _t_ms, _t_look, _t_rate in ((50.0, 0.5, 0.0), (50.0, 0.5, 1.0), (8.0, 2.0, 0.1), (3.0, 0.0, 0.4)):
    _t_l_mean(_t_ms, _t_look, _t_rate, _t_look * _t_rate + (_t_look + _t_ms) * (1 - _t_rate), tr(es="Otra caché.", en="Another cache."))
### END HIDDEN TESTS

# %% test="ladder/order" points=1 row="57" objective="6b.6"
def _t_l_range(times, step, want, why):
    _shown = {"+".join(sorted(some)) or "-": ms for some, ms in times.items()}
    checks.same(order_range(dict(times), step), want, f'{why}\n  order_range({_shown}, "{step}"):', tolerance=1e-6)


_t_l_two = {frozenset(): 60.0, frozenset({"short"}): 20.0, frozenset({"student"}): 30.0, frozenset({"short", "student"}): 15.0}
_t_l_range(_t_l_two, "short", (2.0, 3.0), tr(es="Acortar las entradas multiplica la velocidad por 3 si es lo primero y por 2 si el modelo ya es pequeño: el factor de un paso depende del orden.", en="Shortening inputs gains 3 times if it comes first and 2 if the model is small already: a step's factor depends on the order."))
_t_l_names = ("short", "student", "int8")
_t_l_three = {frozenset(name for bit, name in enumerate(_t_l_names) if number >> bit & 1): ms for number, ms in enumerate([120.0, 60.0, 40.0, 10.0, 80.0, 50.0, 27.0, 9.0])}
_t_l_range(_t_l_three, "short", (1.6, 4.0), tr(es="Con tres pasos hay cuatro subconjuntos sin short: ni el vacío ni el de todos los demás dan aquí los extremos.", en="With three steps there are four subsets without short: neither the empty one nor that of all others gives the extremes here."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_l_range(_t_l_two, "student", (20 / 15, 2.0), tr(es="El otro paso.", en="The other step."))
_t_l_range({frozenset(): 8.0, frozenset({"a"}): 16.0}, "a", (0.5, 0.5), tr(es="Un solo paso, que empeora.", en="A single step, which makes it worse."))
_t_l_rng = np.random.default_rng(59)
for _ in range(20):
    _t_all = {frozenset(name for bit, name in enumerate("abcd") if number >> bit & 1): float(_t_l_rng.uniform(1, 100)) for number in range(16)}
    for _t_step in "abcd":
        _t_pairs = [_t_all[some - {_t_step}] / _t_all[some] for some in _t_all if _t_step in some]
        _t_l_range(_t_all, _t_step, (min(_t_pairs), max(_t_pairs)), tr(es="Cuatro pasos.", en="Four steps."))
### END HIDDEN TESTS

# %% wrong="ladder" score=3 says_es="no se suman" says_en="do not add up"
# es: Las ganancias de los pasos se suman.
# en: The gains of the steps add up.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return sum(factor for _, factor in step_factors(rungs[names.index(base) :]))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% wrong="ladder" score=3 says_es="no a la base" says_en="not against the baseline"
# es: El factor de un paso es cuánto más rápido va que al principio.
# en: A step's factor is how much faster it is than at the beginning.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[0][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return rungs[names.index(base)][1] / rungs[-1][1]


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% wrong="ladder" score=3 says_es="la base justa" says_en="the fair baseline"
# es: La ganancia total es siempre respecto al primer peldaño.
# en: The total gain is always against the first rung.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return math.prod(factor for _, factor in step_factors(rungs))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% wrong="ladder" score=3 says_es="no de cuántas claves distintas" says_en="not to how many different keys"
# es: Solo falla la primera vez que llega cada clave.
# en: Only the first time that each key comes misses.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return math.prod(factor for _, factor in step_factors(rungs[names.index(base) :]))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% wrong="ladder" score=3 says_es="Un acierto también es un uso" says_en="A hit is a use as well"
# es: Se tira la que entró antes.
# en: The one that came in first is thrown out.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return math.prod(factor for _, factor in step_factors(rungs[names.index(base) :]))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last.setdefault(key, now)
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% wrong="ladder" score=3 says_es="también las que fallan" says_en="also those that miss"
# es: Un fallo cuesta lo mismo que sin caché.
# en: A miss costs the same as without a cache.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return math.prod(factor for _, factor in step_factors(rungs[names.index(base) :]))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * ms


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% wrong="ladder" score=4 says_es="depende del orden" says_en="depends on the order"
# es: Cada paso gana lo que gana solo.
# en: Each step gains what it gains alone.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return math.prod(factor for _, factor in step_factors(rungs[names.index(base) :]))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if some == {step})
    return factors[0], factors[-1]

# %% wrong="ladder" score=4 says_es="hay cuatro subconjuntos" says_en="there are four subsets"
# es: Un paso gana más si es el primero y menos si es el último, o al revés.
# en: A step gains most when it comes first and least when it comes last, or the other way round.
def step_factors(rungs):
    return [(rungs[i + 1][0], rungs[i][1] / rungs[i + 1][1]) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return math.prod(factor for _, factor in step_factors(rungs[names.index(base) :]))


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[frozenset(some) - {step}] / times[frozenset(some)] for some in ({step}, max(times, key=len)))
    return factors[0], factors[-1]

# %% wrong="ladder" score=3 says_es="se esperaba" says_en="expected"
# es: Una aceleración es el porcentaje de tiempo que se ahorra.
# en: A speed-up is the percentage of time that is saved.
def step_factors(rungs):
    return [(rungs[i + 1][0], 100 * (1 - rungs[i + 1][1] / rungs[i][1])) for i in range(len(rungs) - 1)]


def total_factor(rungs, base):
    names = [name for name, _ in rungs]
    return rungs[names.index(base)][1] / rungs[-1][1]


def hit_rate(requests, capacity):
    last, hits = {}, 0
    for now, key in enumerate(requests):
        hits += key in last
        last[key] = now
        if len(last) > capacity:
            del last[min(last, key=last.get)]
    return hits / (len(requests) or 1)


def with_cache(ms, lookup_ms, rate):
    return rate * lookup_ms + (1 - rate) * (lookup_ms + ms)


def order_range(times, step):
    factors = sorted(times[some - {step}] / times[some] for some in times if step in some)
    return factors[0], factors[-1]

# %% right="ladder"
# es: con logaritmos, una caché de lru_cache y todas las ordenaciones
# en: with logarithms, a cache of lru_cache and all orderings
def step_factors(rungs):
    logs = -np.diff(np.log([ms for _, ms in rungs]))
    return [(name, float(gain)) for (name, _), gain in zip(rungs[1:], np.exp(logs), strict=True)]


def total_factor(rungs, base):
    last = rungs[-1][1]
    for name, ms in rungs:
        if name == base:
            return ms / last


def hit_rate(requests, capacity):
    import functools

    @functools.lru_cache(maxsize=capacity)
    def ask(key):
        return key

    for key in requests:
        ask(key)
    info = ask.cache_info()
    return info.hits / (info.hits + info.misses) if requests else 0.0


def with_cache(ms, lookup_ms, rate):
    return lookup_ms + ms - rate * ms


def order_range(times, step):
    import itertools

    found = set()
    for order in itertools.permutations(max(times, key=len)):
        before = frozenset(order[: order.index(step)])
        found.add(times[before] / times[before.union([step])])
    return [min(found), max(found)]

# %% [markdown] essay="thirty_times" points=4 row="46 57" lang="es"
# ## 6. Redacción: treinta veces más rápido
#
# Un equipo presenta así su clasificador de mensajes, que corre en servidores con CPU: «Con destilación, entradas sin relleno, 8 bits, un hilo por proceso y una caché, nuestro modelo va **30 veces más rápido** con el 97 % de la exactitud. La destilación es la clave». Te pasan estos datos: el profesor, con relleno al máximo y sin optimizar, tarda 90 ms; el mismo profesor, optimizado y sin relleno, 15 ms; el alumno, 6 ms; en 8 bits, 4,5 ms; y con la caché, que acierta el 35 % de las veces, unos 3 ms. Todos los tiempos, también el primero, se han medido con un hilo por proceso. El alumno acierta el 90,4 % (una semilla); el profesor, el 93,2 %; una regresión logística sobre recuentos de palabras, que tarda 0,2 ms, el 89,9 %. Los datos de prueba son 1500 mensajes.
#
# Escribe en 400 o 500 palabras:
#
# 1. qué hay detrás de las 30 veces: de qué base salen, qué factor pone cada paso (si los datos no separan dos, el de los dos juntos) y cuánto queda frente a una base justa (el profesor sin caché), con la caché del equipo y sin ella;
# 2. qué haría falta para poder decir que el mérito es de la destilación: qué control, con cuántas semillas, qué intervalo, y qué coste hay que contar (no hace falta cuantificarlo);
# 3. si pondrías en producción el alumno, el profesor o la regresión, y qué medirías antes (piensa en el margen de error de los números que te han dado);
# 4. dónde dejaría de valer la cuenta: otro tráfico, otro orden de los pasos, otro procesador.
#
# Apóyate al menos en **tres números medidos por ti en la lección o calculados aquí** (también a partir de los datos del equipo), con su unidad. Los 4 puntos: uno por cada apartado; sin esos tres números se pierde uno.
# ### BEGIN SOLUTION
# 90 / 3 = 30, pero sobre la base ingenua: de 90 a 15 ms (6 veces) se pasa sin comprimir nada, con lo que haría cualquiera. Frente a la base justa (15 ms) son 15 / 4,5 = 3,3 veces sin caché y unas 5 con ella. El hilo por proceso no pone ningún factor: estaba en todas las medidas. Factores: 6 · 2,5 · 1,33 · 1,5 ≈ 30; el de la destilación es 2,5 en tiempo, y no el mayor. El de la caché, 1 / (1 − 0,35) ≈ 1,5, es del tráfico, no del modelo, y no ayuda a la latencia de cola.
#
# «97 %» es 90,4 / 93,2: 2,8 puntos perdidos, 42 mensajes de 1500, y no se dice cuánto acertaría el mismo alumno sin profesor. Control: mismo alumno, mismos datos y pasos, sin profesor, al menos cinco semillas, diferencia pareada e intervalo con la t; además, el coste de entrenar al profesor (si no venía entrenado) y de que conteste todos los ejemplos. El alumno gana a la regresión por 0,5 puntos, 7 u 8 mensajes: con el error típico de una proporción, unos 0,8 puntos, no se distinguen sin comparar mensaje a mensaje.
#
# - **1 punto**: separa las dos bases, da el factor de cada paso y su producto (no su suma), y aparta la caché como propia del tráfico. Repetir «30 veces» con otro adjetivo no suma.
# - **1 punto**: el control sin profesor con varias semillas, pareado y con intervalo, y el coste total (entrenar al profesor, sus respuestas, los alumnos). «El alumno conserva el 97 %» no prueba nada del profesor.
# - **1 punto**: una decisión con razones que incluya la regresión como candidata seria (30 veces más barata que el alumno, quizá igual de buena) y una prueba pareada en más mensajes, por tipo de mensaje, con el coste de equivocarse.
# - **1 punto**: la tasa de aciertos cambia con el tráfico; los factores dependen del orden (acortar entradas gana menos con un modelo pequeño); 8 bits puede no ganar sin instrucciones; más hilos suben el caudal y no la latencia, o al revés. Sin tres números propios con unidad se pierde un punto del total.
# ### END SOLUTION
# %% [markdown] essay="thirty_times" points=4 row="46 57" lang="en"
# ## 6. Essay: thirty times faster
#
# A team presents its message classifier, which runs on servers with CPUs, like this: "With distillation, inputs without padding, 8 bits, one thread per process and a cache, our model is **30 times faster** with 97% of the accuracy. Distillation is the key". They hand you these data: the teacher, padded to the maximum and not optimized, takes 90 ms; the same teacher, optimized and without padding, 15 ms; the student, 6 ms; in 8 bits, 4.5 ms; and with the cache, which hits 35% of the time, about 3 ms. All times, the first one included, were measured with one thread per process. The student is right 90.4% of the time (one seed); the teacher, 93.2%; a logistic regression on word counts, which takes 0.2 ms, 89.9%. The test data are 1,500 messages.
#
# Write in 400 to 500 words:
#
# 1. what is behind the 30 times: from which baseline they come, which factor each step adds (where the data do not separate two, that of both together) and how much is left against a fair baseline (the teacher without a cache), with the team's cache and without it;
# 2. what it would take to be able to say that the merit is distillation's: which control, with how many seeds, which interval, and which cost has to be counted (no need to put a number on it);
# 3. whether you would put the student, the teacher or the regression into production, and what you would measure first (think of the margin of error of the numbers that you were given);
# 4. where the arithmetic would cease to hold: other traffic, another order of the steps, another processor.
#
# Base your argument on at least **three numbers measured by you in the lesson or calculated here** (from the team's data, too), with their unit. The 4 points: one for each part; without those three numbers, one is lost.
# ### BEGIN SOLUTION
# 90 / 3 = 30, but over the naive baseline: from 90 to 15 ms (6 times) one gets without compressing anything, by what anybody would do. Against the fair baseline (15 ms) they are 15 / 4.5 = 3.3 times without the cache and about 5 with it. One thread per process adds no factor: it was there in every measurement. Factors: 6 · 2.5 · 1.33 · 1.5 ≈ 30; distillation's is 2.5 in time, and not the largest. The cache's, 1 / (1 − 0.35) ≈ 1.5, belongs to the traffic and not to the model, and does not help tail latency.
#
# "97%" is 90.4 / 93.2: 2.8 points lost, 42 messages of 1,500, and nobody says how often the same student would be right without a teacher. Control: same student, same data and steps, no teacher, at least five seeds, paired difference and interval by t; besides, the cost of training the teacher (if it did not come trained) and of having it answer all examples. The student beats the regression by 0.5 points, 7 or 8 messages: with the standard error of a proportion, about 0.8 points, they cannot be told apart without comparing message by message.
#
# - **1 point**: separates the two baselines, gives each step's factor and their product (not their sum), and sets the cache aside as a matter of traffic. Repeating "30 times" with another adjective earns nothing.
# - **1 point**: the control without a teacher, with several seeds, paired and with an interval, and the total cost (training the teacher, its answers, the students). "The student keeps 97%" proves nothing about the teacher.
# - **1 point**: a decision with reasons that includes the regression as a serious candidate (30 times cheaper than the student, perhaps as good) and a paired test on more messages, by kind of message, with the cost of being wrong.
# - **1 point**: the hit rate changes with the traffic; factors depend on the order (shortening inputs gains less with a small model); 8 bits may gain nothing without instructions; more threads raise throughput and not latency, or the reverse. Without three numbers of one's own, with units, one point is lost of the total.
# ### END SOLUTION
