"""Three small exercises to measure graders with: plain Python, PyTorch, Spark. In the course's source format."""

_HEAD = """\
# ---
# title: {{es: "Banco de pruebas", en: "Benchmark"}}
# unit: "{unit}"
# minutes: 5
# ---

# %% [markdown] lang="es"
# # Banco de pruebas
# %% [markdown] lang="en"
# # Benchmark

# %%
from mlprod import start, tr

start(LANG)

"""

LIGHT = (
    _HEAD.format(unit="91")
    + """
# %% answer="fare"
def fare(km: float, night: bool) -> float:
    # es: 3 euros, más 1,20 por kilómetro; de noche, una cuarta parte más
    # en: 3 euros, plus 1.20 a kilometre; at night, a quarter more
    ### BEGIN SOLUTION
    price = 3 + 1.2 * km
    return price * 1.25 if night else price
    ### END SOLUTION

# %% test="fare" points=2 row="1"
assert abs(fare(10, False) - 15) < 1e-9, tr(es="de día, 10 km son 15 euros", en="by day, 10 km are 15 euros")
### BEGIN HIDDEN TESTS
for km in range(50):
    assert abs(fare(km, True) - 1.25 * (3 + 1.2 * km)) < 1e-9, tr(es="de noche", en="at night")
### END HIDDEN TESTS

# %% wrong="fare" score=0 says_es="noche" says_en="night"
# es: de noche cobra lo mismo
# en: charges the same at night
def fare(km, night):
    return 3 + 1.2 * km

# %% answer="busiest"
def busiest(zones: list[str]) -> str:
    # es: la zona que más se repite; si empatan, la primera por orden alfabético
    # en: the most frequent zone; of several, the first in alphabetical order
    ### BEGIN SOLUTION
    return min(set(zones), key=lambda zone: (-zones.count(zone), zone))
    ### END SOLUTION

# %% test="busiest" points=3 row="2"
assert busiest(["b", "a", "b"]) == "b", tr(es="la más frecuente", en="the most frequent")
### BEGIN HIDDEN TESTS
assert busiest(["z", "c", "z", "c"]) == "c", tr(es="con empate, la primera", en="of several, the first")
### END HIDDEN TESTS

# %% wrong="busiest" score=0 says_es="frecuente" says_en="frequent"
# es: la primera por orden alfabético
# en: the first in alphabetical order
def busiest(zones):
    return min(zones)

# %% answer="windows"
def windows(seconds: list[int], length: int) -> dict[int, int]:
    # es: cuántos sucesos hay en cada ventana, por el segundo en que empieza
    # en: how many events there are in each window, by the second at which it starts
    ### BEGIN SOLUTION
    counts: dict[int, int] = {}
    for second in seconds:
        counts[second // length * length] = counts.get(second // length * length, 0) + 1
    return counts
    ### END SOLUTION

# %% test="windows" points=3 row="3"
assert windows([1, 2, 61], 60) == {0: 2, 60: 1}, tr(es="ventanas de 60 s", en="windows of 60 s")
### BEGIN HIDDEN TESTS
assert windows(list(range(100)), 10) == {start: 10 for start in range(0, 100, 10)}, tr(es="de 10 s", en="of 10 s")
### END HIDDEN TESTS

# %% wrong="windows" score=0 says_es="ventanas" says_en="windows"
# es: cuenta por número de ventana
# en: counts by the number of the window
def windows(seconds, length):
    return {second // length: 1 for second in seconds}
"""
)

TORCH = (
    _HEAD.format(unit="92")
    + """
# %%
import torch
from torch import nn

torch.set_num_threads(1)

# %% answer="network"
def network(inputs: int, hidden: int) -> nn.Module:
    # es: una capa oculta con ReLU y una salida
    # en: one hidden layer with ReLU, and one output
    ### BEGIN SOLUTION
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1))
    ### END SOLUTION

# %% test="network" points=2 row="1"
assert network(3, 8)(torch.zeros(5, 3)).shape == (5, 1), tr(es="una salida por fila", en="one output for each row")
### BEGIN HIDDEN TESTS
parameters = sum(p.numel() for p in network(4, 16).parameters())
assert parameters == 4 * 16 + 16 + 16 + 1, tr(es="el número de parámetros", en="the number of parameters")
### END HIDDEN TESTS

# %% wrong="network" score=0 says_es="parámetros" says_en="parameters"
# es: sin capa oculta
# en: without a hidden layer
def network(inputs, hidden):
    return nn.Linear(inputs, 1)

# %% answer="train"
def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int) -> list[float]:
    # es: descenso por gradiente (Adam, 0,01) sobre el error cuadrático medio; devuelve el error de cada paso
    # en: gradient descent (Adam, 0.01) on the mean squared error; returns the error at each step
    ### BEGIN SOLUTION
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    errors = []
    for _ in range(steps):
        optimiser.zero_grad()
        error = nn.functional.mse_loss(model(x), y)
        error.backward()
        optimiser.step()
        errors.append(error.item())
    return errors
    ### END SOLUTION

# %% test="train" points=4 row="2"
torch.manual_seed(0)
x = torch.randn(64, 3)
errors = train(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)), x, x.sum(1, keepdim=True), 50)
assert len(errors) == 50, tr(es="un error por paso", en="one error for each step")
### BEGIN HIDDEN TESTS
assert errors[-1] < 0.5 * errors[0], tr(es="el error baja", en="the error falls")
### END HIDDEN TESTS

# %% wrong="train" score=0 says_es="baja" says_en="falls"
# es: no da ningún paso
# en: takes no step
def train(model, x, y, steps):
    return [nn.functional.mse_loss(model(x), y).item() for _ in range(steps)]
"""
)

SPARK = (
    _HEAD.format(unit="93")
    + """
# %%
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlprod.systems.spark import session

spark = session()
rides = spark.createDataFrame([(zone, km) for zone in "abc" for km in range(1, 5)], "zone string, km int")

# %% answer="totals"
def totals(rides: DataFrame) -> DataFrame:
    # es: los kilómetros de cada zona, en la columna km
    # en: the kilometres of each zone, in the column km
    ### BEGIN SOLUTION
    return rides.groupBy("zone").agg(F.sum("km").alias("km"))
    ### END SOLUTION

# %% test="totals" points=3 row="1"
found = {row.zone: row.km for row in totals(rides).collect()}
assert set(found) == {"a", "b", "c"}, tr(es="una fila por zona", en="a row for each zone")
### BEGIN HIDDEN TESTS
assert found["b"] == 10, tr(es="la suma de los kilómetros", en="the sum of the kilometres")
### END HIDDEN TESTS

# %% wrong="totals" score=0 says_es="suma" says_en="sum"
# es: cuenta en vez de sumar
# en: counts instead of adding up
def totals(rides):
    return rides.groupBy("zone").agg(F.count("km").alias("km"))
"""
)

UNITS = {"light": ("91_light", LIGHT), "torch": ("92_torch", TORCH), "spark": ("93_spark", SPARK)}
"""The name and the source of each exercise."""
