# ---
# title: {es: Juguete, en: Toy}
# minutes: 5
# unit: "90"
# ---

# %% [markdown] lang="es"
# # Juguete
# %% [markdown] lang="en"
# # Toy

# %%
from mlprod import start, tr

start(LANG)

# %% [markdown] lang="es"
# Dobla un número con $2x$.
# %% [markdown] lang="en"
# Double a number with $2x$.


# %% answer="double"
def double(x: float) -> float:
    # es: el doble de x
    # en: twice x
    ### BEGIN SOLUTION
    twice = x + x
    return twice
    ### END SOLUTION


# %% test="double" points=2 row="1"
assert double(1) == 2, tr(es="el doble de 1 es 2", en="twice 1 is 2")

# %% test="double/negative" points=1 row="1"
assert isinstance(double(0), (int, float)), tr(es="devuelve un número", en="return a number")
### BEGIN HIDDEN TESTS
secret_input = -1234567
assert double(secret_input) == 2 * secret_input, tr(
    es="también con negativos: cambia el signo", en="also of negative numbers: the sign"
)
### END HIDDEN TESTS


# %% wrong="double" score=0 says_es="doble" says_en="twice"
# es: cree que el doble es el cuadrado
# en: believes that twice is the square
def double(x):
    squared = x * x
    return squared


# %% wrong="double" score=2 says_es="signo" says_en="sign"
# es: pierde el signo
# en: loses the sign
def double(x):
    return abs(x) * 2


# %% wrong="double" score=0 says="RuntimeError"
# es: se rinde
# en: gives up
def double(x):
    raise RuntimeError("no")


# %% right="double"
def double(x):
    return 2 * x


# %% answer="name"
def name() -> str:
    ### BEGIN SOLUTION
    return "cañón"
    ### END SOLUTION


# %% test="name" points=4 row="2"
### BEGIN HIDDEN TESTS
answer_given = name()
assert answer_given == "cañón", tr(es="la palabra era otra", en="the word was another")
### END HIDDEN TESTS


# %% wrong="name" score=0 says_es="otra" says_en="another"
# es: sin tilde
# en: without the accent
def name():
    return "canon"


# %% wrong="name" score=0 says_es="otra" says_en="another"
# es: nada
# en: nothing
def name():
    pass


# %% wrong="name" score=0 says_es="errores" says_en="standard error"
# es: avisa en vez de devolver
# en: warns instead of returning
def name():
    import sys

    print("¡cuidado!", file=sys.stderr)
    return "cañón"


# %% right="name"
def name():
    return "ca" + "ñón"


# %% [markdown] essay="why" points=3 lang="es"
# ¿Por qué?
# ### BEGIN SOLUTION
# Porque sí, y con razones.
# ### END SOLUTION
# %% [markdown] essay="why" points=3 lang="en"
# Why?
# ### BEGIN SOLUTION
# Because, and with reasons.
# ### END SOLUTION
