# ---
# title:
#   es: "Bienvenida: ejercicios"
#   en: "Welcome: exercises"
# unit: "00"
# minutes: 10
# ---

# %% [markdown] lang="es" slide="slide"
# # Bienvenida: ejercicios
#
# Una función y una pregunta, para conocer el mecanismo: unos diez minutos. La función la usarás todo el curso: comparar dos tandas
# de medidas sin que te engañen.
#
# Escribe tu código donde pone `raise NotImplementedError()`, ejecuta las pruebas que hay debajo y, cuando pasen todas, pulsa **Validate**.
# %% [markdown] lang="en" slide="slide"
# # Welcome: exercises
#
# One function and one question, to get to know how this works: about ten minutes. You will use the function throughout the course:
# comparing two sets of measurements without being fooled.
#
# Write your code where it says `raise NotImplementedError()`, run the tests below it and, when all of them pass, press **Validate**.

# %%
from mlprod import start

start(LANG)

# %% [markdown] lang="es" slide="slide"
# ## ¿Cuántas veces más lento?
#
# En la lección has medido cada entrega muchas veces. Hay que resumir las dos tandas en un número reproducible: si
# el ordenador se distrae una vez, la respuesta no debe cambiar.
#
# `slowdown(before, after)` recibe dos listas de tiempos (no vacías, positivos, en la misma unidad) y devuelve **el cociente entre
# la mediana de `after` y la de `before`**: 3.0 si ahora tarda el triple, 0.5 si ahora tarda la mitad.
#
# - Las listas vienen **sin ordenar**, y pueden tener longitudes distintas.
# - Con un número par de medidas, la mediana es el punto medio entre las dos centrales.
# - Quien llama a la función va a seguir usándolas: **no las modifiques**.
#
# Puedes usar la biblioteca estándar y `numpy`.
# %% [markdown] lang="en" slide="slide"
# ## How many times slower?
#
# In the lesson you measured each delivery many times. The two sets must be reduced to one reproducible number: one hiccup of
# the computer should not change it.
#
# `slowdown(before, after)` takes two lists of times (not empty, positive, in the same unit) and returns **how many times as long the
# median of `after` is as the median of `before`**: 3.0 if it now takes three times as long, 0.5 if it now takes half as long.
#
# - The lists come **unsorted**, and their lengths may differ.
# - With an even number of measurements, the median is the midpoint between the two central ones.
# - The caller will go on using them: **do not modify them**.
#
# You may use the standard library and `numpy`.

# %% answer="slowdown"
def slowdown(before, after):
    """How many times as long the median of `after` is as the median of `before`."""
    ### BEGIN SOLUTION
    from statistics import median

    return median(after) / median(before)
    ### END SOLUTION

# %% test="slowdown" points=2 objective="0.4"
from mlprod import checks, tr

_t_before, _t_after = [2.0, 1.0, 3.0], [9.0, 4.0, 6.0]
_t_got = checks.number(slowdown(_t_before, _t_after), f"slowdown({_t_before}, {_t_after})")
assert abs(_t_got - 1 / 3) > 1e-9, tr(
    es="El cociente está al revés: si `after` tarda más que `before`, el resultado es mayor que 1.",
    en="The ratio is upside down: if `after` takes longer than `before`, the result is greater than 1.",
)
assert abs(_t_got - 4.0) > 1e-9, tr(
    es="Has devuelto la diferencia, en unidades de tiempo, y se pide un cociente: cuántas veces.",
    en="You returned the difference, in units of time, and what is asked for is a ratio: how many times as long.",
)
checks.same(_t_got, 3.0, f"slowdown({_t_before}, {_t_after})")
_t_before, _t_after = [4.0, 1.0, 3.0, 2.0], [24.0, 5.0, 28.0, 6.0]
checks.same(
    slowdown(list(_t_before), list(_t_after)),
    6.0,
    tr(
        es=f"slowdown({_t_before}, {_t_after}), con un número par de medidas:",
        en=f"slowdown({_t_before}, {_t_after}), with an even number of measurements:",
    ),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_before, _t_after, _t_expected, _t_about in [
    ([8.0, 2.0, 4.0], [1.0, 3.0, 2.0], 0.5, tr(es="si ahora tarda la mitad", en="if it now takes half as long")),
    ([5.0], [5.0], 1.0, tr(es="con una sola medida", en="with a single measurement")),
    (
        [4.0, 2.0, 6.0],
        [10.0, 30.0, 20.0, 50.0, 40.0],
        7.5,
        tr(es="con tandas de distinta longitud", en="with sets of different lengths"),
    ),
    (
        [4.0, 1.0, 3.0, 2.0],
        [20.0, 20.0, 20.0],
        8.0,
        tr(es="con un número par de medidas en `before`", en="with an even number of measurements in `before`"),
    ),
    (
        [10.0, 30.0, 20.0],
        [70.0, 10.0, 20.0, 60.0],
        2.0,
        tr(es="con un número par de medidas en `after`", en="with an even number of measurements in `after`"),
    ),
]:
    checks.same(slowdown(list(_t_before), list(_t_after)), _t_expected, f"slowdown({_t_before}, {_t_after}), {_t_about}:")
### END HIDDEN TESTS

# %% test="slowdown/outlier" points=1 objective="0.4"
_t_before, _t_after = [1.0, 1.1, 0.9, 1.0, 1.0], [2.0, 2.1, 1.9, 2.0, 500.0]
_t_got = checks.number(slowdown(_t_before, _t_after), f"slowdown({_t_before}, {_t_after})")
assert _t_got < 100, tr(
    es="Una sola medida de 500 ha cambiado la conclusión: la media se deja arrastrar por ella, y no es lo que se pide.",
    en="A single measurement of 500 has changed the conclusion: the mean is dragged along by it, and is not what is asked for.",
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_before, _t_after = [900.0, 3.0, 3.0, 3.0, 3.0], [6.0, 6.0, 6.0, 6.0, 0.001]
checks.same(
    slowdown(_t_before, _t_after),
    2.0,
    tr(
        es=f"slowdown({_t_before}, {_t_after}), con un valor atípico en cada lista, que arrastra la media y el mínimo:",
        en=f"slowdown({_t_before}, {_t_after}), with an outlier in each list, which drags the mean and the minimum:",
    ),
)
checks.same(_t_got, 2.0, tr(es="Con la medida de 500 entre las demás:", en="With the measurement of 500 among the others:"))
### END HIDDEN TESTS

# %% test="slowdown/inputs" points=1 objective="0.4"
_t_before, _t_after = [3.0, 1.0, 2.0], [9.0, 3.0, 6.0]
slowdown(_t_before, _t_after)
_t_unchanged = _t_before == [3.0, 1.0, 2.0] and _t_after == [9.0, 3.0, 6.0]
assert _t_unchanged, tr(
    es=f"Las listas han cambiado: eran [3.0, 1.0, 2.0] y [9.0, 3.0, 6.0], y ahora son {_t_before} y {_t_after}.",
    en=f"The lists have changed: they were [3.0, 1.0, 2.0] and [9.0, 3.0, 6.0], and now they are {_t_before} and {_t_after}.",
)
checks.passed()
### BEGIN HIDDEN TESTS
checks.same(
    slowdown((3.0, 1.0, 2.0), (18.0, 6.0, 12.0)),
    6.0,
    tr(es="Con tuplas, que no pueden cambiar, en lugar de listas:", en="With tuples, which cannot change, instead of lists:"),
)
### END HIDDEN TESTS

# %% wrong="slowdown" score=1 says_es="la media" says_en="the mean"
# es: la media resume cualquier tanda de medidas
# en: the mean is a good summary of any set of measurements
def slowdown(before, after):
    return (sum(after) / len(after)) / (sum(before) / len(before))

# %% wrong="slowdown" score=0 says_es="al revés" says_en="upside down"
# es: «más lento» es el tiempo de antes entre el de ahora
# en: "slower" is the time before over the time now
def slowdown(before, after):
    from statistics import median

    return median(before) / median(after)

# %% wrong="slowdown" score=3 says_es="han cambiado" says_en="have changed"
# es: ordenar la lista que te pasan no molesta a nadie
# en: sorting the caller's list does no harm
def slowdown(before, after):
    from statistics import median

    if isinstance(before, list):
        before.sort()
        after.sort()
    return median(after) / median(before)

# %% wrong="slowdown" score=2 says_es="número par" says_en="even number"
# es: la mediana es siempre el elemento que queda en el centro
# en: the median is always the element in the middle
def slowdown(before, after):
    def middle(times):
        return sorted(times)[len(times) // 2]

    return middle(after) / middle(before)

# %% wrong="slowdown" score=0 says_es="diferencia" says_en="difference"
# es: lo que importa es cuántos segundos más tarda
# en: what matters is how many more seconds it takes
def slowdown(before, after):
    import numpy

    return numpy.median(after) - numpy.median(before)

# %% wrong="slowdown" score=1 says_es="distinta longitud" says_en="different lengths"
# es: la mediana de los cocientes por parejas es el cociente de las medianas
# en: the median of the ratios by pairs is the ratio of the medians
def slowdown(before, after):
    from statistics import median

    return median(b / a for a, b in zip(sorted(before), sorted(after), strict=False))

# %% wrong="slowdown" score=1 says_es="mínimo" says_en="minimum"
# es: el mejor tiempo es el representativo
# en: the best time is the representative one
def slowdown(before, after):
    return min(after) / min(before)

# %% right="slowdown"
def slowdown(before, after):
    import numpy

    return numpy.median(after) / numpy.median(before)

# %% right="slowdown"
def slowdown(before, after):
    def middle(times):
        ordered, half = sorted(times), len(times) // 2
        return ordered[half] if len(times) % 2 else (ordered[half - 1] + ordered[half]) / 2

    return middle(after) / middle(before)

# %% [markdown] essay="which_summary" points=2 lang="es"
# ## Una pregunta
#
# Un servicio atiende peticiones de usuarios. Alguien ha cambiado algo y te enseña que la mediana de la latencia no se ha movido.
# ¿Basta para decir que los usuarios no lo van a notar? Di qué otro número pedirías y qué se escapa con la mediana. Tres
# o cuatro frases.
# ### BEGIN SOLUTION
# No basta. La mediana solo dice cómo le va a la petición de en medio: la mitad más lenta puede tardar diez veces más y no se mueve.
# Pediría un percentil alto (p99 o p99.9) y cuántas peticiones hay detrás, porque un p99 con cien medidas depende de una.
# Además, quien carga una página hace muchas peticiones, así que casi todos los usuarios encuentran alguna lenta.
#
# - **1 punto**: explica qué no ve la mediana (lo que ocurre en la mitad lenta, la cola de la distribución).
# - **1 punto**: pide un percentil alto, o la distribución entera, y dice por qué le importa al usuario.
# - Pedir la media no suma: sube con la cola, pero no dice a cuántos ni cuánto.
# ### END SOLUTION
# %% [markdown] essay="which_summary" points=2 lang="en"
# ## A question
#
# A service answers users' requests. Somebody has changed something and shows you that the median latency has not moved. Is that
# enough to say that users will not notice? Say which other number you would ask for and what the median misses. Three
# or four sentences.
# ### BEGIN SOLUTION
# It is not enough. The median only tells how the request in the middle does: the slower half may take ten times as long and it stays put.
# I would ask for a high percentile (p99 or p99.9) and how many requests it is based on, because a p99 of a hundred measurements depends on one.
# Besides, loading one page takes many requests, so that nearly every user meets a slow one.
#
# - **1 point**: explains what the median does not see (what happens in the slow half, the tail of the distribution).
# - **1 point**: asks for a high percentile, or the whole distribution, and says why it matters to the user.
# - Asking for the mean earns nothing: it rises with the tail, but does not say for how many or by how much.
# ### END SOLUTION
