# ---
# title:
#   es: "Predicción por lotes y en línea"
#   en: "Batch and online prediction"
# unit: "04"
# minutes: 270
# ---

# %% [markdown] lang="es"
# # Predicción por lotes y en línea
#
# Nueve tareas cortas que se corrigen solas y una redacción. Unas cuatro horas y media en total; puedes hacerlas en cualquier orden y dejar alguna sin
# hacer: cada tarea puntúa por separado.
#
# | tarea | puntos | minutos |
# |---|---|---|
# | 1. Cambiar la tabla de golpe | 5 | 35 |
# | 2. Una prueba de carga que no engaña | 4 | 25 |
# | 3. Microlotes | 5 | 30 |
# | 4. Un servicio que no se hunde | 5 | 30 |
# | 5. Una respuesta por pregunta | 4 | 30 |
# | 6. El servidor híbrido | 6 | 35 |
# | 7. Dos etapas | 5 | 15 |
# | 8. Lo que cuesta cada modo | 4 | 15 |
# | 9. Elegir por razones | 4 | 20 |
# | 10. Redacción: la portada de una tienda | 4 | 35 |
#
# **Cómo se trabaja.** Debajo de cada enunciado hay una celda a medias: sustituye cada `raise NotImplementedError` por tu código, sin cambiar
# los nombres ni los argumentos; puedes añadir en la misma celda las funciones que quieras. Las celdas siguientes, en orden, comprueban parte de lo que se
# pide y, si algo falla, dicen qué esperaban y qué han recibido. No hace falta leerlas: todo lo que exigen está en el enunciado. Si reinicias el núcleo, ejecuta la primera celda de código y después las de tu tarea, de arriba abajo. Al corregir se añaden **comprobaciones ocultas**: otros datos, fallos provocados, casos raros.
# Nunca miden cuánto tarda tu código: cuentan versiones mezcladas, esperas, respuestas cambiadas y predicciones pagadas de más.
#
# **El reloj simulado.** Donde importa el tiempo, no corre el de verdad, sino un reloj que únicamente avanza cuando lo mueven las pruebas: `clock.now()` dice la hora y
# `clock.at(time, function)` hace que se llame a `function()`, sin argumentos, cuando el reloj llegue a `time`, que no puede estar en el pasado. Lo programado no se puede cancelar. En esos
# enunciados las unidades van en el nombre (`_ms`, `_s`) y nunca coinciden en el mismo instante una llegada y un vencimiento: no hay empates que decidir. Para probar tu código antes de pasar las comprobaciones, crea un reloj y muévelo tú con `run_until`, como en la celda siguiente.
# %% [markdown] lang="en"
# # Batch and online prediction
#
# Nine short tasks that are graded automatically and one essay. About four and a half hours in all; you may do them in any order and leave some
# out: each task earns its own points.
#
# | task | points | minutes |
# |---|---|---|
# | 1. Swapping the table in one go | 5 | 35 |
# | 2. An honest load test | 4 | 25 |
# | 3. Micro-batches | 5 | 30 |
# | 4. A service that does not go under | 5 | 30 |
# | 5. One answer per question | 4 | 30 |
# | 6. The hybrid server | 6 | 35 |
# | 7. Two stages | 5 | 15 |
# | 8. What each mode costs | 4 | 15 |
# | 9. Choosing by reasons | 4 | 20 |
# | 10. Essay: the front page of a shop | 4 | 35 |
#
# **How to work.** Below each statement stands an unfinished cell: put your code in the place of each `raise NotImplementedError`, and change neither
# the names nor the arguments; you may add any functions you like in the same cell. The next cells, in order, check part of what is
# asked and, when something fails, say what they expected and what they got. You need not read them: all that they demand stands in the statement. If you restart the kernel, run the first code cell and then those of your task, from the top down. Grading adds **hidden checks**: other data, faults injected, odd cases.
# They never measure how long your code takes: they count mixed versions, waits, answers that went astray and predictions paid for in vain.
#
# **The simulated clock.** Where time matters it is not real time that passes, but that of a clock which moves only when the tests move it: `clock.now()` tells the time, and
# `clock.at(time, function)` has `function()` called, without arguments, when the clock reaches `time`, which must not lie in the past. What is scheduled cannot be cancelled. In those
# statements units stand in the name (`_ms`, `_s`), and an arrival and an expiry never fall on the same instant: there are no ties to decide. To try your code before you run the checks, make a clock and move it yourself with `run_until`, as in the next cell.

# %%
import heapq
import json
import math
import sqlite3
from collections import Counter, OrderedDict, deque

from mlprod import start, tr
from mlprod.systems.clocks import SimulatedClock

start(LANG)

my_clock = SimulatedClock(0)
my_clock.at(30, lambda: print(tr(es="llamada en el instante", en="called at instant"), my_clock.now()))
my_clock.run_until(20)
print(tr(es="el reloj marca", en="the clock says"), my_clock.now())
my_clock.run_until(50)
print(tr(es="el reloj marca", en="the clock says"), my_clock.now())

# %% [markdown] lang="es" row="25"
# ## 1. Cambiar la tabla de golpe (5 puntos)
#
# Un trabajo por lotes calcula cada cuatro horas el tiempo de entrega de cada restaurante y lo deja en una base de datos SQLite, de la que leen los servidores mientras tanto. Escribe tres funciones:
#
# - `prepare(db)` crea las tablas que necesites. Se llama una vez, antes que nada, con la base de datos vacía; no hace falta que confirme: después lo hace quien llama;
# - `refresh(db, version, predictions)` publica una versión nueva. `version` es un texto (`"v7"`); `predictions`, un iterable de pares `(key, value)` con claves distintas, de texto, y valores `float`. Puede ser un **generador**:
#   obtener cada par cuesta una predicción del modelo. Todos los pares caben en memoria. Cuando vuelve, la versión nueva está confirmada y no queda abierta ninguna transacción;
# - `lookup(db, keys)` devuelve `(version, values)`: la versión publicada y un diccionario con el valor de las claves de la lista `keys` (como mucho cien) que existan en ella. Antes de la primera publicación devuelve `(None, {})`.
#
# `db` es una conexión tal como la da `sqlite3.connect(path)`; quien llama la cierra después. Cada llamada puede hacerse con una conexión distinta, y el fichero está en modo WAL: una lectura ve lo que estaba confirmado cuando empezó, sin esperar
# a quien escribe.
#
# Lo que se exige:
#
# 1. **Una versión entera.** Entre dos sentencias cualesquiera de `refresh`, otra conexión puede llamar a `lookup`, y entre dos de `lookup` pueden acabar varios `refresh`. Se responde siempre, y todo lo que devuelve un `lookup` es de
#    la versión que dice: la anterior o la nueva, sin claves de menos ni claves de otra versión. Un `lookup` posterior por la misma conexión ve lo último publicado.
# 2. **Si `refresh` muere a medias**, o el generador lanza una excepción (`refresh` la deja salir tal cual), sigue publicada la versión anterior. El siguiente `refresh`, con la misma versión o con otra, funciona, y lo que publica no contiene ninguna fila del que murió. Nunca se llamará a `refresh` con una versión ya publicada. Las filas de versiones antiguas pueden quedarse en la base de datos, siempre que `lookup` no las devuelva.
# 3. **Mientras el generador calcula, otros procesos pueden escribir** en otras tablas de la misma base de datos: calcular dura veinte minutos, y SQLite admite un solo escritor a la vez.
#
# Recuerda que `sqlite3` abre por su cuenta una transacción antes de un `INSERT`, `UPDATE` o `DELETE`, y no la cierra hasta `commit()`; que no la abre para un `SELECT` ni para crear, borrar o renombrar una tabla, y que `executescript` confirma
# lo que hubiera pendiente y ejecuta después cada sentencia por su cuenta. Puedes abrirla con `db.execute("BEGIN")`.
# %% [markdown] lang="en" row="25"
# ## 1. Swapping the table in one go (5 points)
#
# Every four hours a batch job computes the delivery time of each restaurant and leaves it in an SQLite database, from which servers go on reading. Write three functions:
#
# - `prepare(db)` creates the tables that you need. It is called once, before anything else, on an empty database; it need not commit: the caller does so afterwards;
# - `refresh(db, version, predictions)` publishes a new version. `version` is a text (`"v7"`); `predictions` is an iterable of pairs `(key, value)` with distinct keys, which are texts, and values that are `float`. It may be a **generator**:
#   getting each pair costs one prediction of the model. All the pairs fit in memory. When it returns, the new version is committed and no transaction is left open;
# - `lookup(db, keys)` returns `(version, values)`: the published version, and a dict with the value of those keys of the list `keys` (a hundred at most) that exist in it. Before anything is published it returns `(None, {})`.
#
# `db` is a connection exactly as `sqlite3.connect(path)` returns it; the caller closes it afterwards. Each call may come on another connection, and the file is in WAL mode: a read sees what was committed when it began, without waiting
# for whoever writes.
#
# What is required:
#
# 1. **A whole version.** Between any two statements of `refresh` another connection may call `lookup`, and between any two of `lookup` several `refresh` may finish. There is always an answer, and all that a `lookup` returns belongs to
#    the version that it names: the previous one or the new one, with no key missing and no key of another version. A later `lookup` on the same connection sees what was published last.
# 2. **If `refresh` dies halfway**, or the generator raises an exception (`refresh` lets that exception through), the previous version stays published. The next `refresh`, of the same version or another, works, and what it publishes contains no row left by the one that died. `refresh` will never be called with a version that is published already. Rows of old versions may stay in the database, as long as `lookup` does not return them.
# 3. **While the generator computes, other processes can write** to other tables of the same database: computing takes twenty minutes, and SQLite allows a single writer at a time.
#
# Remember that `sqlite3` opens a transaction by itself before an `INSERT`, `UPDATE` or `DELETE`, and does not end it until `commit()`; that it opens none for a `SELECT` nor to create, drop or rename a table, and that `executescript` commits
# whatever was pending and then runs each statement on its own. You can open one with `db.execute("BEGIN")`.

# %% answer="refresh"
def prepare(db):
    ### BEGIN SOLUTION
    db.execute("CREATE TABLE prediction (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE published (version TEXT)")
    ### END SOLUTION


def refresh(db, version, predictions):
    ### BEGIN SOLUTION
    # es: primero se calcula todo, sin transacción; el cambio es una sola, y breve
    # en: first everything is computed, outside any transaction; the swap is a single, short one
    rows = list(predictions)
    with db:
        db.execute("DELETE FROM prediction")
        db.executemany("INSERT INTO prediction VALUES (?, ?)", rows)
        db.execute("DELETE FROM published")
        db.execute("INSERT INTO published VALUES (?)", (version,))
    ### END SOLUTION


def lookup(db, keys):
    ### BEGIN SOLUTION
    db.execute("BEGIN")  # all that follows reads one snapshot
    try:
        row = db.execute("SELECT version FROM published").fetchone()
        if row is None:
            return None, {}
        values = {}
        for key in keys:
            for (value,) in db.execute("SELECT value FROM prediction WHERE key = ?", (key,)):
                values[key] = value
        return row[0], values
    finally:
        db.rollback()
    ### END SOLUTION

# %% test="refresh/whole" points=2 row="25" objective="4.1"
import contextlib as _t_contextlib
import secrets as _t_secrets

from mlprod import checks
from mlprod.systems import crashes as _t_crashes
from mlprod.systems.workspace import workspace as _t_workspace


def _t_version(number, size=6):
    """The predictions of version `number`: some keys are in all versions, others come and go, and no value is in two."""
    return {f"r{key}": 100.0 * number + key for key in range(size) if (key + number) % 3 or key < 2}


_t_ASKED = [f"r{key}" for key in range(9)]


class _t_Database:
    """A file in WAL mode, prepared, with a table of somebody else's; gone when the `with` block ends."""

    def __enter__(self):
        self.path = _t_workspace() / f"predictions-{_t_secrets.token_hex(4)}.sqlite"
        self.versions = {}
        with self.connection() as db:
            db.execute("PRAGMA journal_mode=WAL")
            prepare(db)
            db.commit()
            db.execute("CREATE TABLE request_log (at REAL)")
        return self

    def __exit__(self, *_):
        for suffix in ("", "-journal", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def connection(self, **how):
        db = sqlite3.connect(self.path, **({"timeout": 0} | how))
        db.execute("PRAGMA synchronous=OFF")  # no power cut here: only processes die
        return _t_contextlib.closing(db)

    def publish(self, number, name=None):
        """A refresh that nothing disturbs."""
        self.versions[name or f"v{number}"] = _t_version(number)
        with self.connection() as db:
            refresh(db, name or f"v{number}", list(_t_version(number).items()))
            assert not db.in_transaction, tr(
                es="refresh ha vuelto y deja una transacción abierta: lo que ha escrito se pierde al cerrar la conexión. ¿Falta confirmarla?",
                en="refresh has returned and leaves a transaction open: what it wrote is lost when the connection is closed. Is a commit missing?",
            )

    def read(self, when, db=None):
        """What lookup says now, on a new connection or on `db`; AssertionError when it is no whole version."""
        with _t_contextlib.nullcontext(db) if db else self.connection() as db:
            try:
                got = checks.plain(lookup(db, list(_t_ASKED)))
            except sqlite3.Error as error:
                if "within a transaction" in str(error):
                    raise AssertionError(
                        tr(
                            es=f"{when}: lookup no puede abrir su transacción, porque en esa conexión ya hay una abierta. ¿La dejó así un lookup anterior?",
                            en=f"{when}: lookup cannot open its transaction, because there is one open on that connection already. Did an earlier lookup leave it so?",
                        )
                    ) from None
                raise AssertionError(
                    tr(es=f"{when}: lookup no puede leer: {error}. La versión anterior debe poder leerse hasta el final.", en=f"{when}: lookup cannot read: {error}. The previous version must be readable to the end.")
                ) from None
        assert isinstance(got, list) and len(got) == 2 and isinstance(got[1], dict), tr(
            es=f"lookup devuelve (version, values), y ha devuelto {got!r}.", en=f"lookup returns (version, values), and it returned {got!r}."
        )
        version, values = got
        if version is None and None not in self.versions:
            raise AssertionError(tr(es=f"{when}: lookup dice que no hay ninguna versión publicada.", en=f"{when}: lookup says that no version is published."))
        want = {} if version is None else self.versions.get(version)
        assert want is not None, tr(es=f"{when}: lookup dice que la versión es {version!r}, que no existe.", en=f"{when}: lookup says that the version is {version!r}, which does not exist.")
        if values != want:
            missing, others = sorted(set(want) - set(values)), sorted(key for key in values if values[key] != want.get(key))
            raise AssertionError(
                tr(
                    es=f"{when}: lectura rota. Dice ser {version!r}; le faltan {missing}, y son de otra versión {others}.",
                    en=f"{when}: torn read. It says it is {version!r}; {missing} are missing, and {others} belong to another version.",
                )
            )
        return version


def _t_watched_refresh(database, number, **how):
    """A refresh with a reader before each SQL statement, and after the last: the versions that it saw."""
    name, seen, failures = f"v{number}", [], []
    database.versions[name] = _t_version(number)

    def look(sql):
        if not failures:
            try:
                seen.append(database.read(tr(es=f"Antes de «{' '.join(sql.split())[:60]}»", en=f"Before '{' '.join(sql.split())[:60]}'")))
            except AssertionError as failure:
                failures.append(failure)

    with database.connection() as db:
        db.set_trace_callback(look)
        refresh(db, name, iter(_t_version(number).items()))
        db.set_trace_callback(None)
    if failures:
        raise AssertionError(str(failures[0]))
    last = database.read(tr(es="Al volver refresh, por otra conexión", en="When refresh returns, on another connection"))
    checks.same(last, name, tr(es="Versión publicada cuando refresh vuelve.", en="Version that is published when refresh returns."), observed=True)
    changes = [version for version, before in zip([*seen, last], [None, *seen, last], strict=False) if version != before]
    assert len(changes) == len(set(changes)), tr(es=f"El lector ha visto las versiones {changes}: hacia delante y otra vez hacia atrás.", en=f"The reader saw the versions {changes}: forwards and back again.")
    return seen


def _t_watched_lookup(database, first):
    """A lookup on whose every SQL statement another refresh finishes."""
    numbers, failures = iter(range(first, first + 200)), []

    def swap(sql):
        if not failures:
            try:
                database.publish(next(numbers))
            except Exception as error:
                failures.append(error)

    with database.connection() as db:
        db.set_trace_callback(swap)
        when = tr(es="Mientras lookup lee se publican otras versiones", en="While lookup reads other versions are published")
        try:
            database.read(when, db)
        finally:
            db.set_trace_callback(None)
        assert not failures, tr(
            es=f"Mientras lookup lee, refresh no puede publicar: {failures and failures[0]}", en=f"While lookup reads, refresh cannot publish: {failures and failures[0]}"
        )
        now = next(numbers) - 1
        checks.same(database.read(when, db), f"v{now}", tr(es="Un segundo lookup por la misma conexión: versión. ¿Dejó el primero una transacción abierta?", en="A second lookup on the same connection: version. Did the first one leave a transaction open?"))


with _t_Database() as _t_database:
    with _t_database.connection() as _t_db:
        checks.same(lookup(_t_db, ["r1"]), (None, {}), tr(es="Todavía no se ha publicado nada.", en="Nothing has been published yet."))
    _t_database.publish(1)
    checks.same(_t_database.read(tr(es="Tras el primer refresh", en="After the first refresh")), "v1", tr(es="Versión publicada.", en="Published version."))
    _t_watched_refresh(_t_database, 2)
    _t_watched_lookup(_t_database, 3)
checks.passed()
### BEGIN HIDDEN TESTS
with _t_Database() as _t_database:
    _t_database.versions[None] = {}
    for _t_number in range(1, 6):
        _t_watched_refresh(_t_database, _t_number)
        del _t_database.versions[f"v{_t_number - 1}" if _t_number > 1 else None]
    _t_watched_lookup(_t_database, 6)
    with _t_database.connection() as _t_db:
        checks.same(lookup(_t_db, ["nobody"])[1], {}, tr(es="Una clave que no existe no sale en values.", en="A key that does not exist does not come out in values."))
        checks.same(lookup(_t_db, [])[1], {}, tr(es="No se pregunta por ninguna clave.", en="No key is asked for."))
        refresh(_t_db, "empty", [])
        checks.same(lookup(_t_db, ["r1"]), ("empty", {}), tr(es="Una versión sin predicciones es una versión.", en="A version without predictions is a version."))
        refresh(_t_db, "zero", [("r'1", 0.0), ("ñ", -1.5)])
        checks.same(lookup(_t_db, ["ñ", "r'1", "r1"]), ("zero", {"r'1": 0.0, "ñ": -1.5}), tr(es="Valores 0.0 y negativos, claves con comillas y eñes.", en="Values 0.0 and negative, keys with quotes and accents."))
### END HIDDEN TESTS

# %% test="refresh/crash" points=2 row="25" objective="4.1"
import contextlib as _t_contextlib

from mlprod import checks
from mlprod.systems import crashes as _t_crashes


def _t_dying_refresh(database, number, steps):
    def computed():
        for pair in _t_version(number).items():
            steps.take("predict")
            yield pair

    database.versions[f"v{number}"] = _t_version(number)
    with _t_contextlib.closing(_t_crashes.connect(database.path, steps)) as db:
        sqlite3.Cursor(db).execute("PRAGMA synchronous=OFF")
        try:
            refresh(db, f"v{number}", computed())
        except _t_crashes.SimulatedCrash:
            if not steps.dead:
                raise


def _t_steps_of_a_refresh():
    steps = _t_crashes.Steps()
    with _t_Database() as database:
        database.publish(1)
        _t_dying_refresh(database, 2, steps)
    return steps.names


def _t_check_death(at, name, after):
    """It dies at step `at`; then the version `after` is published: the same one again, or another."""
    where = tr(es=f"refresh muere en el paso {at} («{name}»)", en=f"refresh dies at step {at} ('{name}')")
    with _t_Database() as database:
        database.publish(1)
        _t_dying_refresh(database, 2, _t_crashes.Steps(at))
        if database.read(where) == f"v{after}":
            return  # it was published already
        try:
            database.publish(after)
        except sqlite3.Error as error:
            raise AssertionError(tr(es=f"{where}, y el siguiente refresh falla: {error}.", en=f"{where}, and the next refresh fails: {error}.")) from None
        version = database.read(tr(es=f"{where}, y después acaba otro", en=f"{where}, and then another one ends"))
        checks.same(version, f"v{after}", tr(es=f"{where}, y después acaba otro. Versión publicada:", en=f"{where}, and then another one ends. Published version:"), observed=True)


_t_names = _t_steps_of_a_refresh()
for _t_at, _t_name in enumerate(_t_names, 1):
    for _t_after in (3, 2):  # another version is published next, or the same one again
        _t_check_death(_t_at, _t_name, _t_after)
checks.passed()
### BEGIN HIDDEN TESTS

class _t_ModelFailed(Exception):
    pass


def _t_failing(number):
    yield from list(_t_version(number).items())[:2]
    raise _t_ModelFailed


with _t_Database() as _t_database:
    _t_database.publish(1)
    _t_database.versions["v2"] = _t_version(2)
    with _t_database.connection() as _t_db:
        try:
            refresh(_t_db, "v2", _t_failing(2))
            raise AssertionError(tr(es="El generador ha lanzado una excepción y refresh no la ha dejado salir.", en="The generator raised an exception and refresh did not let it out."))
        except _t_ModelFailed:
            pass
    _t_when = tr(es="El modelo ha fallado a mitad de refresh", en="The model failed halfway through refresh")
    checks.same(_t_database.read(_t_when), "v1", f"{_t_when}.")
    _t_database.publish(2)
    checks.same(_t_database.read(_t_when), "v2", tr(es="Después de un refresh fallido, otro que acaba.", en="After a refresh that failed, another one that ends."))
### END HIDDEN TESTS

# %% test="refresh/others" points=1 row="25" objective="4.1"
import contextlib as _t_contextlib

from mlprod import checks


def _t_check_others(number):
    with _t_Database() as database:
        database.publish(1)
        locked = []

        def computed():
            for pair in _t_version(number).items():
                with database.connection() as other:
                    try:
                        with other:
                            other.execute("INSERT INTO request_log VALUES (1)")
                    except sqlite3.OperationalError as error:
                        locked.append(str(error))
                yield pair

        with database.connection(timeout=5) as db:
            refresh(db, f"v{number}", computed())
        assert not locked, tr(
            es=f"Mientras el modelo calcula, otro proceso no puede escribir en su tabla ({locked and locked[0]}): tu transacción está abierta desde la primera predicción hasta la última.",
            en=f"While the model computes, another process cannot write to its table ({locked and locked[0]}): your transaction is open from the first prediction to the last.",
        )
        with database.connection() as db:
            checks.same(lookup(db, ["r1"])[0], f"v{number}", tr(es="Versión publicada al volver refresh.", en="Version that is published when refresh returns."))


_t_check_others(2)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_number in (3, 4):
    _t_check_others(_t_number)
### END HIDDEN TESTS

# %% wrong="refresh" score=1 says_es="lectura rota" says_en="torn read"
# es: Se actualiza cada fila en su sitio, conforme se calcula: así siempre hay algo que leer.
# en: Each row is updated in place, as it is computed: that way there is always something to read.
def prepare(db):
    db.execute("CREATE TABLE prediction (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE published (version TEXT)")


def refresh(db, version, predictions):
    for key, value in predictions:
        with db:
            db.execute("INSERT OR REPLACE INTO prediction VALUES (?, ?)", (key, value))
    with db:
        db.execute("DELETE FROM published")
        db.execute("INSERT INTO published VALUES (?)", (version,))


def lookup(db, keys):
    marks = ", ".join("?" for _ in keys)
    rows = db.execute(f"SELECT version, key, value FROM published LEFT JOIN prediction ON key IN ({marks})", keys).fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key is not None}

# %% wrong="refresh" score=1 says_es="le faltan" says_en="are missing"
# es: Se vacía la tabla y se vuelve a llenar: dura un instante.
# en: The table is emptied and filled again: it only takes an instant.
def prepare(db):
    db.execute("CREATE TABLE prediction (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE published (version TEXT)")


def refresh(db, version, predictions):
    rows = list(predictions)
    with db:
        db.execute("DELETE FROM prediction")
    with db:
        db.executemany("INSERT INTO prediction VALUES (?, ?)", rows)
    with db:
        db.execute("DELETE FROM published")
        db.execute("INSERT INTO published VALUES (?)", (version,))


def lookup(db, keys):
    marks = ", ".join("?" for _ in keys)
    rows = db.execute(f"SELECT version, key, value FROM published LEFT JOIN prediction ON key IN ({marks})", keys).fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key is not None}

# %% wrong="refresh" score=1 says_es="no puede leer" says_en="cannot read"
# es: Borrar la tabla vieja y renombrar la nueva son dos órdenes inmediatas: nadie lo nota.
# en: Dropping the old table and renaming the new one are two immediate commands: nobody notices.
def prepare(db):
    db.execute("CREATE TABLE prediction (version TEXT, key TEXT, value REAL)")


def refresh(db, version, predictions):
    rows = [(version, key, value) for key, value in predictions]
    db.execute("DROP TABLE IF EXISTS staging")
    db.execute("CREATE TABLE staging (version TEXT, key TEXT, value REAL)")
    with db:
        db.execute("INSERT INTO staging VALUES (?, NULL, NULL)", (version,))
        db.executemany("INSERT INTO staging VALUES (?, ?, ?)", rows)
    db.execute("DROP TABLE prediction")
    db.execute("ALTER TABLE staging RENAME TO prediction")


def lookup(db, keys):
    rows = db.execute("SELECT version, key, value FROM prediction").fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key in keys}

# %% wrong="refresh" score=3 says_es="lectura rota" says_en="torn read"
# es: Si quien escribe cambia todo de golpe, quien lee no tiene que hacer nada.
# en: If the writer swaps everything in one go, the reader need not do anything.
def prepare(db):
    db.execute("CREATE TABLE prediction (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE published (version TEXT)")


def refresh(db, version, predictions):
    rows = list(predictions)
    with db:
        db.execute("DELETE FROM prediction")
        db.executemany("INSERT INTO prediction VALUES (?, ?)", rows)
        db.execute("DELETE FROM published")
        db.execute("INSERT INTO published VALUES (?)", (version,))


def lookup(db, keys):
    row = db.execute("SELECT version FROM published").fetchone()
    marks = ", ".join("?" for _ in keys)
    return (row[0] if row else None), dict(db.execute(f"SELECT key, value FROM prediction WHERE key IN ({marks})", keys))

# %% wrong="refresh" score=4 says_es="transacción está abierta" says_en="transaction is open"
# es: En una transacción cabe todo, también el cálculo.
# en: Everything fits in a transaction, the computing too.
def prepare(db):
    db.execute("CREATE TABLE prediction (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE published (version TEXT)")


def refresh(db, version, predictions):
    with db:
        db.execute("DELETE FROM prediction")
        db.executemany("INSERT INTO prediction VALUES (?, ?)", predictions)
        db.execute("DELETE FROM published")
        db.execute("INSERT INTO published VALUES (?)", (version,))


def lookup(db, keys):
    marks = ", ".join("?" for _ in keys)
    rows = db.execute(f"SELECT version, key, value FROM published LEFT JOIN prediction ON key IN ({marks})", keys).fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key is not None}

# %% wrong="refresh" score=1 says_es="son de otra versión" says_en="belong to another version"
# es: Insertar o sustituir, en una transacción, deja la versión nueva; lo que ya no existe no molesta.
# en: Inserting or replacing, in one transaction, leaves the new version; what no longer exists does no harm.
def prepare(db):
    db.execute("CREATE TABLE prediction (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE published (version TEXT)")


def refresh(db, version, predictions):
    rows = list(predictions)
    with db:
        db.executemany("INSERT OR REPLACE INTO prediction VALUES (?, ?)", rows)
        db.execute("DELETE FROM published")
        db.execute("INSERT INTO published VALUES (?)", (version,))


def lookup(db, keys):
    marks = ", ".join("?" for _ in keys)
    rows = db.execute(f"SELECT version, key, value FROM published LEFT JOIN prediction ON key IN ({marks})", keys).fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key is not None}

# %% wrong="refresh" score=3 says_es="el siguiente refresh falla" says_en="the next refresh fails"
# es: La tabla de preparación solo existe mientras dura un refresh: al empezar se crea, al acabar se cambia por la buena.
# en: The staging table exists only while a refresh lasts: it is created at the beginning and swapped in at the end.
def prepare(db):
    db.execute("CREATE TABLE prediction (version TEXT, key TEXT, value REAL)")


def refresh(db, version, predictions):
    db.execute("CREATE TABLE staging (version TEXT, key TEXT, value REAL)")
    for key, value in [(None, None), *predictions]:
        with db:
            db.execute("INSERT INTO staging VALUES (?, ?, ?)", (version, key, value))
    with db:
        db.execute("BEGIN")
        db.execute("DROP TABLE prediction")
        db.execute("ALTER TABLE staging RENAME TO prediction")


def lookup(db, keys):
    rows = db.execute("SELECT version, key, value FROM prediction").fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key in keys}

# %% right="refresh"
# es: filas con su versión, escritas de una en una sin que nadie las lea, y un puntero que cambia de golpe
# en: rows with their version, written one by one while nobody reads them, and a pointer that moves in one go
def prepare(db):
    db.executescript(
        """CREATE TABLE predictions (version TEXT, key TEXT, value REAL, PRIMARY KEY (version, key));
        CREATE TABLE pointer (id INTEGER PRIMARY KEY CHECK (id = 1), version TEXT);
        INSERT INTO pointer VALUES (1, NULL);"""
    )


def refresh(db, version, predictions):
    with db:
        db.execute("DELETE FROM predictions WHERE version IS NOT (SELECT version FROM pointer)")
    for key, value in predictions:
        db.execute("INSERT INTO predictions VALUES (?, ?, ?)", (version, key, value))
        db.commit()
    db.execute("UPDATE pointer SET version = ?", (version,))
    db.commit()


def lookup(db, keys):
    wanted = set(keys)
    rows = db.execute("SELECT pointer.version, key, value FROM pointer LEFT JOIN predictions USING (version)").fetchall()
    return rows[0][0], {key: value for _, key, value in rows if key in wanted}

# %% right="refresh"
# es: tabla de preparación, y cambio de nombre dentro de una transacción
# en: staging table, renamed inside a transaction
def prepare(db):
    db.execute("CREATE TABLE live (version TEXT, payload TEXT)")


def refresh(db, version, predictions):
    everything = json.dumps(dict(predictions))
    db.isolation_level = None
    db.execute("DROP TABLE IF EXISTS next_live")
    db.execute("CREATE TABLE next_live (version TEXT, payload TEXT)")
    db.execute("INSERT INTO next_live VALUES (?, ?)", (version, everything))
    db.execute("BEGIN IMMEDIATE")
    db.execute("DROP TABLE live")
    db.execute("ALTER TABLE next_live RENAME TO live")
    db.execute("COMMIT")


def lookup(db, keys):
    found = db.execute("SELECT version, payload FROM live").fetchone()
    if found is None:
        return (None, {})
    values = json.loads(found[1])
    return found[0], {key: values[key] for key in keys if key in values}

# %% right="refresh"
# es: dos tablas que se turnan, y un puntero que dice cuál se lee
# en: two tables that take turns, and a pointer that says which one is read
def prepare(db):
    db.execute("CREATE TABLE meta (k TEXT PRIMARY KEY, v TEXT)")
    db.execute("CREATE TABLE predictions_a (key TEXT PRIMARY KEY, value REAL)")
    db.execute("CREATE TABLE predictions_b (key TEXT PRIMARY KEY, value REAL)")
    db.execute("INSERT INTO meta VALUES ('live', 'a'), ('version', NULL)")


def refresh(db, version, predictions):
    live = db.execute("SELECT v FROM meta WHERE k = 'live'").fetchone()[0]
    idle = "b" if live == "a" else "a"
    with db:
        db.execute(f"DELETE FROM predictions_{idle}")
    few = []
    for pair in predictions:
        few.append(pair)
        if len(few) == 2:
            with db:
                db.executemany(f"INSERT INTO predictions_{idle} VALUES (?, ?)", few)
            few = []
    with db:
        db.executemany(f"INSERT INTO predictions_{idle} VALUES (?, ?)", few)
        db.execute("UPDATE meta SET v = ? WHERE k = 'live'", (idle,))
        db.execute("UPDATE meta SET v = ? WHERE k = 'version'", (version,))


def lookup(db, keys):
    db.execute("BEGIN")
    meta = dict(db.execute("SELECT k, v FROM meta"))
    values = {}
    for key in keys:
        row = db.execute(f"SELECT value FROM predictions_{meta['live']} WHERE key = ?", (key,)).fetchone()
        if row:
            values[key] = row[0]
    db.execute("COMMIT")
    return meta["version"], values

# %% right="refresh"
# es: una fila por publicación, con su número; se lee la última acabada en una sola sentencia
# en: one row per publication, with its number; the last finished one is read in a single statement
def prepare(db):
    db.execute("CREATE TABLE publication (id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT, done INTEGER)")
    db.execute("CREATE TABLE prediction (publication INTEGER, key TEXT, value REAL)")


def refresh(db, version, predictions):
    number = db.execute("INSERT INTO publication (version, done) VALUES (?, 0)", (version,)).lastrowid
    db.commit()
    rows = [(number, key, value) for key, value in predictions]
    with db:
        db.executemany("INSERT INTO prediction VALUES (?, ?, ?)", rows)
        db.execute("UPDATE publication SET done = 1 WHERE id = ?", (number,))
    with db:
        db.execute("DELETE FROM prediction WHERE publication <> ?", (number,))


def lookup(db, keys):
    query = """WITH last AS (SELECT id, version FROM publication WHERE done = 1 ORDER BY id DESC LIMIT 1)
        SELECT last.version, key, value FROM last
        LEFT JOIN prediction ON publication = last.id AND key IN (SELECT value FROM json_each(?))"""
    rows = db.execute(query, (json.dumps(keys),)).fetchall()
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows if key is not None}
# %% [markdown] lang="es" row="26"
# ## 2. Una prueba de carga que no engaña (4 puntos)
#
# Vas a medir un servicio con peticiones que salen a horas fijadas en un calendario, se hayan contestado o no las anteriores: los usuarios no se esperan unos a otros. Pero quien mide tiene un número fijo de conexiones, y cada una lleva
# una sola petición a la vez. Escribe dos funciones:
#
# - `load_test(serve, schedule, connections, timeout_s)` hace la prueba. `schedule` es la lista de horas previstas, en segundos y en orden. `serve(sent_s)` envía una petición en el instante `sent_s` y devuelve el instante en que llega su
#   respuesta, o `math.inf` si no llega nunca; debe llamarse una vez por petición, con instantes que nunca decrecen. Es un servicio simulado: `serve` vuelve al momento, y no hay que dormir ni que leer ningún reloj.
#     - cada petición sale a su hora si hay una conexión libre; si no, espera a que se libere alguna, por orden de llegada;
#     - si la respuesta tarda **más** de `timeout_s` segundos **desde que se envió**, se abandona al cumplirse ese plazo: la conexión se cierra, y en ese momento hay otra libre en su lugar. Mientras no pase eso, la conexión sigue ocupada hasta la respuesta;
#     - devuelve una lista, en el orden del calendario, de tuplas `(intended_s, sent_s, answered_s)`; `answered_s` vale `None` en las abandonadas.
# - `report(runs, warm_up_s)` resume. `runs` trae la lista de cada máquina que ha medido, todas a la vez y contra el mismo servicio. Devuelve un diccionario con cuatro claves: `requests` y `timeouts` (cuántas peticiones, y cuántas de ellas abandonadas) y
#   `p50_s` y `p99_s`. Las peticiones **previstas** antes de `warm_up_s` son calentamiento, y no cuentan para nada; siempre queda al menos una que contar.
#
# La latencia es lo que espera el usuario, **desde la hora prevista**: `answered_s - intended_s`. De las abandonadas solo se sabe que tardan más de lo que se esperó: cuentan en los percentiles con latencia `math.inf`. Hay un solo percentil 99, el de todas las
# peticiones de todas las máquinas: la menor latencia tal que al menos el 99 % de las peticiones no la supera, sin interpolar; igual el 50. Si cae en una abandonada, es `math.inf`.
# %% [markdown] lang="en" row="26"
# ## 2. An honest load test (4 points)
#
# You are going to measure a service with requests that leave at the times of a schedule, whether or not the earlier ones have been answered: users do not wait for one another. But whoever measures has a fixed number of connections, and each carries
# a single request at a time. Write two functions:
#
# - `load_test(serve, schedule, connections, timeout_s)` makes the test. `schedule` is the list of intended times, in seconds and in order. `serve(sent_s)` sends a request at the instant `sent_s` and returns the instant at which its answer
#   arrives, or `math.inf` if it never does; it must be called once per request, with instants that never decrease. The service is simulated: `serve` returns at once, and there is no sleeping to do and no clock to read.
#     - each request leaves at its time if a connection is free; otherwise it waits for one to become free, in order of arrival;
#     - if the answer takes **more** than `timeout_s` seconds **from when it was sent**, it is given up when they are over: the connection is closed, and at that moment there is another free one in its place. Unless that happens, the connection is busy until the answer;
#     - it returns a list, in the order of the schedule, of tuples `(intended_s, sent_s, answered_s)`; `answered_s` is `None` in those given up.
# - `report(runs, warm_up_s)` sums up. `runs` has the list of each machine that measured, all at once and against the same service. It returns a dict with four keys: `requests` and `timeouts` (how many requests, and how many of them were given up), and
#   `p50_s` and `p99_s`. Requests **intended** before `warm_up_s` are warm-up, and do not count for anything; at least one is always left to count.
#
# Latency is what the user waits, **from the intended time**: `answered_s - intended_s`. Of those given up we only know that they take longer than was waited: they count in the percentiles with latency `math.inf`. There is a single 99th percentile, that of all
# requests of all machines: the smallest latency that at least 99% of the requests do not exceed, without interpolation; likewise the 50th. If it falls on one that was given up, it is `math.inf`.

# %% answer="load_test"
def load_test(serve, schedule, connections, timeout_s):
    ### BEGIN SOLUTION
    free_s = [-math.inf] * connections  # a heap: when each connection is free
    requests = []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        gives_up_s = sent_s + timeout_s
        heapq.heappush(free_s, min(answered_s, gives_up_s))
        requests.append((intended_s, sent_s, answered_s if answered_s <= gives_up_s else None))
    return requests
    ### END SOLUTION


def report(runs, warm_up_s):
    ### BEGIN SOLUTION
    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = sorted(math.inf if answered is None else answered - intended for intended, _, answered in counted)

    def percentile(percent):
        return latencies[-(-percent * len(latencies) // 100) - 1]

    return {
        "requests": len(latencies),
        "timeouts": sum(answered is None for _, _, answered in counted),
        "p50_s": percentile(50),
        "p99_s": percentile(99),
    }
    ### END SOLUTION

# %% test="load_test/open" points=2 row="26" objective="4.2"
import random as _t_random

from mlprod import checks


class _t_Server:
    """`workers` that attend in order of arrival; request n works `work_s[n]` seconds, and nobody works during a stall."""

    def __init__(self, work_s, workers=1, stall=None):
        self.work_s, self.free_s, self.stall, self.sent = list(work_s), [0.0] * workers, stall, []

    def __call__(self, sent_s):
        number = len(self.sent)
        assert number < len(self.work_s), tr(es=f"serve se llama una vez por petición: hay {len(self.work_s)} y esta es la llamada {number + 1}.", en=f"serve is called once per request: there are {len(self.work_s)} and this is call {number + 1}.")
        assert not self.sent or sent_s >= self.sent[-1], tr(
            es=f"serve({sent_s}) después de serve({self.sent and self.sent[-1]}): el tiempo no vuelve atrás.", en=f"serve({sent_s}) after serve({self.sent and self.sent[-1]}): time does not go back."
        )
        self.sent.append(sent_s)
        start_s = max(sent_s, heapq.heappop(self.free_s))
        if self.stall and self.stall[0] <= start_s < self.stall[1]:
            start_s = self.stall[1]
        end_s = start_s + self.work_s[number]
        heapq.heappush(self.free_s, start_s if end_s == math.inf else end_s)
        return end_s


def _t_tested(make, schedule, connections, timeout_s):
    """What load_test gives for that service, checked for what needs no model."""
    server = make()
    with checks.ends(tr(es="load_test no termina.", en="load_test does not end.")):
        got = checks.plain(load_test(server, list(schedule), connections, timeout_s), tr(es="Lo que devuelve load_test.", en="What load_test returns."))
    assert isinstance(got, list) and all(isinstance(one, list) and len(one) == 3 for one in got), tr(
        es=f"load_test devuelve una lista de tuplas (intended_s, sent_s, answered_s); la tuya empieza por {str(got)[:100]}.",
        en=f"load_test returns a list of tuples (intended_s, sent_s, answered_s); yours begins with {str(got)[:100]}.",
    )
    checks.same([one[0] for one in got], list(schedule), tr(es="Las horas previstas son las del calendario, y siguen siéndolo aunque la petición salga más tarde.", en="The intended times are those of the schedule, and remain so even if the request leaves later."))
    return got


def _t_check_sent(make, schedule, connections, timeout_s, want, what):
    """`want`: (sent, answered) of each request."""
    got = _t_tested(make, schedule, connections, timeout_s)
    for number, ((_, sent, answered), (right_sent, right_answered)) in enumerate(zip(got, want, strict=True)):
        about = tr(es=f"{what} Petición {number}, prevista en {schedule[number]:g} s:", en=f"{what} Request {number}, intended at {schedule[number]:g} s:")
        checks.same(sent, right_sent, tr(es=f"{about} instante en que se envía.", en=f"{about} instant at which it is sent."))
        checks.same(answered, right_answered, tr(es=f"{about} instante en que llega su respuesta (None si se abandona).", en=f"{about} instant at which its answer comes (None if it is given up)."))


_t_check_sent(
    lambda: _t_Server([0.5, 0.5, 0.5], workers=3), [0.0, 0.125, 0.25], 3, 10.0, [(0.0, 0.5), (0.125, 0.625), (0.25, 0.75)],
    tr(es="Tres conexiones libres: ninguna petición espera a la respuesta de otra.", en="Three free connections: no request waits for another's answer."),
)
_t_check_sent(
    lambda: _t_Server([0.5, 0.5, 0.5], workers=3), [0.0, 0.125, 0.25], 2, 10.0, [(0.0, 0.5), (0.125, 0.625), (0.5, 1.0)],
    tr(es="Dos conexiones.", en="Two connections."),
)
_t_check_sent(
    lambda: _t_Server([math.inf, 0.5, 0.5], workers=2), [0.0, 0.25, 0.5], 1, 1.0, [(0.0, None), (1.0, 1.5), (1.5, 2.0)],
    tr(es="Una conexión y 1 s de tiempo límite; la primera respuesta no llega nunca.", en="One connection and a timeout of 1 s; the first answer never comes."),
)
_t_check_sent(
    lambda: _t_Server([1.0, 1.25], workers=2), [0.0, 0.25], 2, 1.0, [(0.0, 1.0), (0.25, None)],
    tr(es="Con 1 s de tiempo límite, una respuesta tarda 1 s justo, y vale; otra, más.", en="With a timeout of 1 s one answer takes 1 s exactly, which is all right; another takes more."),
)
checks.passed()
### BEGIN HIDDEN TESTS
def _t_model(server, schedule, connections, timeout_s):
    free, found = [0.0] * connections, []
    for intended in schedule:
        free.sort()
        sent = max(intended, free[0])
        answered = server(sent)
        late = answered > sent + timeout_s
        free[0] = sent + timeout_s if late else answered
        found.append((sent, None if late else answered))
    return found


for _t_seed in range(60):
    _t_chance = _t_random.Random(_t_seed)
    _t_count = _t_chance.choice([1, 5, 60, 300])
    _t_schedule, _t_now = [], 0.0
    for _ in range(_t_count):
        _t_now += _t_chance.choice([0.0, _t_chance.expovariate(20)])
        _t_schedule.append(_t_now)
    _t_work = [math.inf if _t_chance.random() < 0.03 else _t_chance.expovariate(15) for _ in range(_t_count)]
    _t_workers, _t_connections, _t_timeout = _t_chance.choice([1, 2, 4]), _t_chance.choice([1, 2, 5, 50]), _t_chance.choice([0.3, 1.1, 50.0])
    _t_stall = _t_chance.choice([None, (0.5, 2.5)])

    def _t_make(work=_t_work, workers=_t_workers, stall=_t_stall):
        return _t_Server(work, workers, stall)

    _t_check_sent(
        _t_make, _t_schedule, _t_connections, _t_timeout, _t_model(_t_make(), _t_schedule, _t_connections, _t_timeout),
        tr(es=f"{_t_count} peticiones, {_t_connections} conexiones, {_t_timeout} s de tiempo límite.", en=f"{_t_count} requests, {_t_connections} connections, timeout of {_t_timeout} s."),
    )
### END HIDDEN TESTS

# %% test="load_test/report" points=2 row="26" objective="4.2"
import random as _t_random

from mlprod import checks


def _t_check_report(runs, warm_up_s, want, about):
    got = checks.plain(report([list(run) for run in runs], warm_up_s), tr(es="Lo que devuelve report.", en="What report returns."))
    assert isinstance(got, dict), tr(es=f"report devuelve un diccionario, y ha devuelto {got!r}.", en=f"report returns a dict, and it returned {got!r}.")
    checks.same(set(got), {"requests", "timeouts", "p50_s", "p99_s"}, tr(es="Claves de lo que devuelve report.", en="Keys of what report returns."))
    for key in ("requests", "timeouts", "p50_s", "p99_s"):
        checks.same(got[key], want[key], f"{about} {key}:", tolerance=1e-7)


_t_check_report(
    [[(float(n), float(n), n + (n + 1) / 128) for n in range(100)]], 0.0, {"requests": 100, "timeouts": 0, "p50_s": 50 / 128, "p99_s": 99 / 128},
    tr(
        es="Cien peticiones enviadas a su hora, de latencias 1/128, 2/128… 100/128 s. Un percentil es una de las latencias medidas: la primera que no superan al menos 50 (o 99) de las cien.",
        en="A hundred requests sent on time, with latencies 1/128, 2/128… 100/128 s. A percentile is one of the measured latencies: the first that at least 50 (or 99) of the hundred do not exceed.",
    ),
)
_t_calm = [(n / 10, n / 10, n / 10 + 0.01) for n in range(100)]
_t_check_report(
    [_t_calm[:90] + [(n / 10, 14.0, 14.01) for n in range(90, 100)]], 0.0, {"requests": 100, "timeouts": 0, "p50_s": 0.01, "p99_s": 4.91},
    tr(es="Diez peticiones esperaron a que hubiera conexión, y salieron en 14 s: esa espera también la sufre el usuario.", en="Ten requests waited for a connection, and left at 14 s: the user suffers that wait, too."),
)
_t_check_report(
    [_t_calm[:98] + [(9.8, 9.8, None), (9.9, 9.9, None)]], 0.0, {"requests": 100, "timeouts": 2, "p50_s": 0.01, "p99_s": math.inf},
    tr(es="Dos de cada cien se abandonan: no se tiran, son las más lentas.", en="Two of each hundred are given up: they are not thrown away, they are the slowest."),
)
_t_check_report(
    [_t_calm, [(n / 10, n / 10, n / 10 + (1.0 if n >= 98 else 0.01)) for n in range(100)]], 0.0, {"requests": 200, "timeouts": 0, "p50_s": 0.01, "p99_s": 0.01},
    tr(es="Dos máquinas, y 2 lentas entre 200: hay un percentil de todas, no uno por máquina.", en="Two machines, and 2 slow ones in 200: there is one percentile of all, not one per machine."),
)
_t_check_report(
    [[(0.0, 0.0, 5.0), (1.0, 2.5, None), *((n / 10, n / 10, n / 10 + 0.02) for n in range(20, 120))]], 2.0, {"requests": 100, "timeouts": 0, "p50_s": 0.02, "p99_s": 0.02},
    tr(es="Las dos primeras estaban previstas antes de los 2 s: son calentamiento, aunque la segunda se enviara después.", en="The first two were intended before 2 s: they are warm-up, even if the second was sent later."),
)
checks.passed()
### BEGIN HIDDEN TESTS
from fractions import Fraction as _t_Fraction

for _t_seed in range(60):
    _t_chance = _t_random.Random(1000 + _t_seed)
    _t_runs = []
    for _ in range(_t_chance.choice([1, 2, 3])):
        _t_run, _t_lost = [], _t_chance.choice([0, 0, 0.005, 0.03, 0.6])
        for _t_number in range(_t_chance.choice([40, 100, 200])):
            _t_sent = _t_number / 8 + _t_chance.choice([0.0, 0.0, _t_chance.expovariate(1)])
            _t_run.append((_t_number / 8, _t_sent, None if _t_chance.random() < _t_lost else _t_sent + _t_chance.expovariate(5)))
        _t_runs.append(_t_run)
    _t_warm_up = _t_chance.choice([0.0, 0.5, 2.5])
    _t_kept = [one for run in _t_runs for one in run if one[0] >= _t_warm_up]
    _t_slow = sorted(math.inf if one[2] is None else one[2] - one[0] for one in _t_kept)
    _t_want = {"requests": len(_t_kept), "timeouts": sum(one[2] is None for one in _t_kept)}
    for _t_percent in (50, 99):
        _t_want[f"p{_t_percent}_s"] = next(value for place, value in enumerate(_t_slow, 1) if _t_Fraction(place, len(_t_slow)) >= _t_Fraction(_t_percent, 100))
    _t_check_report(
        _t_runs, _t_warm_up, _t_want,
        tr(es=f"{len(_t_runs)} máquinas, {len(_t_kept)} peticiones sin el calentamiento, {_t_want['timeouts']} abandonadas.", en=f"{len(_t_runs)} machines, {len(_t_kept)} requests without the warm-up, {_t_want['timeouts']} given up."),
    )

# a queue with a known answer: M/M/1 at 50 %; its time in the system is exponential with mean 1 / (mu - lambda)
_t_chance, _t_now, _t_schedule = _t_random.Random(4), 0.0, []
for _ in range(8000):
    _t_now += _t_chance.expovariate(50)
    _t_schedule.append(_t_now)
_t_work = [_t_chance.expovariate(100) for _ in _t_schedule]
_t_got = report([load_test(_t_Server(_t_work), _t_schedule, 500, 1000.0)], 5.0)
for _t_key, _t_theory in (("p50_s", math.log(2) / 50), ("p99_s", math.log(100) / 50)):
    _t_ratio = checks.number(_t_got[_t_key], _t_key) / _t_theory
    assert 0.8 < _t_ratio < 1.25, tr(
        es=f"Un servidor M/M/1 ocupado al 50 %: según la teoría, {_t_key} es {_t_theory:.3f} s, y sale {_t_got[_t_key]:.3f} s.",
        en=f"An M/M/1 server that is busy 50% of the time: by theory {_t_key} is {_t_theory:.3f} s, and it comes out as {_t_got[_t_key]:.3f} s.",
    )
### END HIDDEN TESTS

# %% wrong="load_test" score=2 says_es="ninguna petición espera a la respuesta de otra" says_en="no request waits for another's answer"
# es: Cada usuario pide, espera la respuesta y vuelve a pedir: lazo cerrado.
# en: Each user asks, waits for the answer and asks again: a closed loop.
def load_test(serve, schedule, connections, timeout_s):
    requests, now_s = [], 0.0
    for intended_s in schedule:
        now_s = max(now_s, intended_s)
        answered_s = serve(now_s)
        requests.append((intended_s, now_s, answered_s if answered_s <= now_s + timeout_s else None))
        now_s = min(answered_s, now_s + timeout_s)
    return requests


def report(runs, warm_up_s):
    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = sorted(math.inf if answered is None else answered - intended for intended, _, answered in counted)
    p50, p99 = (latencies[-(-percent * len(latencies) // 100) - 1] for percent in (50, 99))
    return {"requests": len(latencies), "timeouts": latencies.count(math.inf), "p50_s": p50, "p99_s": p99}

# %% wrong="load_test" score=0 says_es="las del calendario" says_en="those of the schedule"
# es: La hora prevista es la hora en que la petición pudo salir: lo de antes es cosa de quien mide.
# en: The intended time is the time at which the request could leave: what came before is the measurer's business.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, min(answered_s, sent_s + timeout_s))
        requests.append((sent_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = sorted(math.inf if answered is None else answered - sent for _, sent, answered in counted)
    p50, p99 = (latencies[-(-percent * len(latencies) // 100) - 1] for percent in (50, 99))
    return {"requests": len(latencies), "timeouts": latencies.count(math.inf), "p50_s": p50, "p99_s": p99}

# %% wrong="load_test" score=2 says_es="también la sufre el usuario" says_en="the user suffers that wait, too"
# es: La latencia del servicio va desde que se envía la petición hasta que se contesta.
# en: The latency of the service goes from when the request is sent until it is answered.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, min(answered_s, sent_s + timeout_s))
        requests.append((intended_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = sorted(math.inf if answered is None else answered - sent for _, sent, answered in counted)
    p50, p99 = (latencies[-(-percent * len(latencies) // 100) - 1] for percent in (50, 99))
    return {"requests": len(latencies), "timeouts": latencies.count(math.inf), "p50_s": p50, "p99_s": p99}

# %% wrong="load_test" score=2 says_es="no se tiran" says_en="not thrown away"
# es: Una petición sin respuesta no tiene latencia, así que no entra en los percentiles.
# en: A request without an answer has no latency, so it does not go into the percentiles.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, min(answered_s, sent_s + timeout_s))
        requests.append((intended_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = sorted(answered - intended for intended, _, answered in counted if answered is not None)
    p50, p99 = (latencies[-(-percent * len(latencies) // 100) - 1] for percent in (50, 99))
    return {"requests": len(counted), "timeouts": len(counted) - len(latencies), "p50_s": p50, "p99_s": p99}

# %% wrong="load_test" score=2 says_es="no uno por máquina" says_en="not one per machine"
# es: El p99 de varias máquinas es la media de sus p99.
# en: The p99 of several machines is the mean of their p99s.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, min(answered_s, sent_s + timeout_s))
        requests.append((intended_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    sums = Counter()
    for run in runs:
        latencies = sorted(math.inf if answered is None else answered - intended for intended, _, answered in run if intended >= warm_up_s)
        sums["requests"] += len(latencies)
        sums["timeouts"] += latencies.count(math.inf)
        for percent in (50, 99):
            sums[f"p{percent}_s"] += latencies[-(-percent * len(latencies) // 100) - 1] / len(runs)
    return dict(sums)

# %% wrong="load_test" score=2 says_es="calentamiento" says_en="warm-up"
# es: Cuantas más peticiones se cuenten, mejor: también las primeras.
# en: The more requests are counted the better: the first ones, too.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, min(answered_s, sent_s + timeout_s))
        requests.append((intended_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    latencies = sorted(math.inf if answered is None else answered - intended for run in runs for intended, _, answered in run)
    p50, p99 = (latencies[-(-percent * len(latencies) // 100) - 1] for percent in (50, 99))
    return {"requests": len(latencies), "timeouts": latencies.count(math.inf), "p50_s": p50, "p99_s": p99}

# %% wrong="load_test" score=2 says_es="una de las latencias medidas" says_en="one of the measured latencies"
# es: El percentil se calcula interpolando, como hace numpy si no se le dice otra cosa.
# en: The percentile is computed by interpolation, as numpy does unless told otherwise.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, min(answered_s, sent_s + timeout_s))
        requests.append((intended_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    import numpy as np

    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = [math.inf if answered is None else answered - intended for intended, _, answered in counted]
    p50, p99 = np.percentile(latencies, [50, 99])
    return {"requests": len(latencies), "timeouts": latencies.count(math.inf), "p50_s": p50, "p99_s": p99}

# %% wrong="load_test" score=2 says_es="no llega nunca" says_en="never comes"
# es: Una petición abandonada sigue ocupando su conexión hasta que el servicio conteste.
# en: A request that was given up goes on occupying its connection until the service answers.
def load_test(serve, schedule, connections, timeout_s):
    free_s, requests = [0.0] * connections, []
    for intended_s in schedule:
        sent_s = max(intended_s, heapq.heappop(free_s))
        answered_s = serve(sent_s)
        heapq.heappush(free_s, answered_s)
        requests.append((intended_s, sent_s, answered_s if answered_s <= sent_s + timeout_s else None))
    return requests


def report(runs, warm_up_s):
    counted = [request for run in runs for request in run if request[0] >= warm_up_s]
    latencies = sorted(math.inf if answered is None else answered - intended for intended, _, answered in counted)
    p50, p99 = (latencies[-(-percent * len(latencies) // 100) - 1] for percent in (50, 99))
    return {"requests": len(latencies), "timeouts": latencies.count(math.inf), "p50_s": p50, "p99_s": p99}

# %% right="load_test"
# es: con arrays de numpy y su percentil de rango más cercano
# en: with numpy arrays and its nearest-rank percentile
def load_test(serve, schedule, connections, timeout_s):
    import numpy as np

    free = np.zeros(connections)
    done = []
    for at in schedule:
        which = int(np.argmin(free))
        sent = max(at, float(free[which]))
        end = serve(sent)
        given_up = end - sent > timeout_s
        free[which] = sent + timeout_s if given_up else end
        done.append([at, sent, None if given_up else end])
    return done


def report(runs, warm_up_s):
    import numpy as np

    rows = np.array([[np.inf if value is None else value for value in one] for run in runs for one in run], dtype=float)
    rows = rows[rows[:, 0] >= warm_up_s]
    waits = np.sort(rows[:, 2] - rows[:, 0])
    places = [int(np.ceil(q * len(waits) - 1e-9)) - 1 for q in (0.5, 0.99)]
    return {"requests": len(waits), "timeouts": int(np.isinf(waits).sum()), "p50_s": waits[places[0]], "p99_s": waits[places[1]]}

# %% right="load_test"
# es: instante a instante, con una cola de peticiones que esperan conexión
# en: instant by instant, with a queue of requests that wait for a connection
def load_test(serve, schedule, connections, timeout_s):
    busy, waiting, done = [], deque(), [None] * len(schedule)
    moments = [(at, 1, number) for number, at in enumerate(schedule)]
    heapq.heapify(moments)
    while moments:
        now, kind, number = heapq.heappop(moments)
        if kind == 1:
            waiting.append(number)
        else:
            busy.remove(number)
        while waiting and len(busy) < connections:
            next_one = waiting.popleft()
            end = serve(now)
            done[next_one] = (schedule[next_one], now, end if end <= now + timeout_s else None)
            busy.append(next_one)
            heapq.heappush(moments, (min(end, now + timeout_s), 0, next_one))
    return done


def report(runs, warm_up_s):
    waits = [(math.inf if end is None else end - at) for run in runs for at, _, end in run if not at < warm_up_s]

    def at_most(share):
        reached, counts = 0, Counter(waits)
        for wait in sorted(counts):
            reached += counts[wait]
            if 100 * reached >= share * len(waits):
                return wait

    return dict(requests=len(waits), timeouts=sum(map(math.isinf, waits)), p50_s=at_most(50), p99_s=at_most(99))

# %% [markdown] lang="es" row="26 28"
# ## 3. Microlotes (5 puntos)
#
# El modelo tarda casi lo mismo en una predicción que en ocho juntas. Escribe la clase que reúne peticiones sueltas en lotes, sin que ninguna espere demasiado:
#
# - `MicroBatcher(clock, predict, max_size, max_wait_ms)`. `clock` es el reloj simulado, en milisegundos. `predict(rows)` recibe una lista de 1 a `max_size` filas y devuelve otra, con un valor por fila **en el mismo orden**; en el reloj
#   no tarda nada;
# - `submit(request_id, row, reply)` recibe una petición. Los `request_id` no se repiten; las filas, sí. Cuando haya valor se llama a `reply(request_id, value)`, una sola vez por petición.
#
# Las reglas:
#
# 1. En cuanto hay `max_size` peticiones esperando, se predicen juntas, en ese mismo instante.
# 2. Si no, cuando la **más antigua** de las que esperan lleva `max_wait_ms`, se predicen juntas **todas** las que haya en ese instante. Ni antes ni después.
# 3. Dentro del lote las filas van por orden de llegada.
# 4. Si alguna fila del lote no vale, `predict` lanza `ValueError` y no devuelve nada. Entonces se reintenta en el mismo instante con lotes más pequeños, como quieras partirlos, hasta que toda fila que vale por sí sola tenga su valor; las demás
#    reciben `None`. `submit` no lanza nada, y las peticiones siguientes no se ven afectadas.
# 5. `reply` puede llamar a `submit` (un cliente que al recibir su respuesta pide otra cosa): esa petición es nueva, y no va en el lote que se está respondiendo. Si con ella se llena otro lote, ese lote puede salir antes o después de las respuestas que aún falten del primero: se aceptan los dos órdenes.
#
# Recuerda que lo programado en el reloj no se puede cancelar: un vencimiento llega aunque su lote ya haya salido por estar lleno.
# %% [markdown] lang="en" row="26 28"
# ## 3. Micro-batches (5 points)
#
# The model takes almost as long for one prediction as for eight together. Write the class that gathers single requests into batches without making any of them wait too long:
#
# - `MicroBatcher(clock, predict, max_size, max_wait_ms)`. `clock` is the simulated clock, in milliseconds. `predict(rows)` gets a list of 1 to `max_size` rows and returns another, with one value per row **in the same order**; it takes no
#   time on the clock;
# - `submit(request_id, row, reply)` takes a request. No `request_id` comes twice; rows may. Once there is a value, `reply(request_id, value)` is called, just once per request.
#
# The rules:
#
# 1. As soon as `max_size` requests are waiting, they are predicted together, at that very instant.
# 2. Otherwise, when the **oldest** of those waiting has waited `max_wait_ms`, **all** that are there at that instant are predicted together. Neither earlier nor later.
# 3. Within the batch rows go in order of arrival.
# 4. If some row of the batch is not valid, `predict` raises `ValueError` and returns nothing. Then it is tried again at the same instant with smaller batches, split as you like, until every row that is valid on its own has its value; the others
#    get `None`. `submit` raises nothing, and later requests are not affected.
# 5. `reply` may call `submit` (a client that asks for something else on getting its answer): that request is a new one, and does not go in the batch that is being answered. If it fills another batch, that batch may leave before or after the replies of the first that are still missing: both orders are accepted.
#
# Remember that what is scheduled on the clock cannot be cancelled: an expiry comes even if its batch has already left because it was full.

# %% answer="batcher"
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        ### BEGIN SOLUTION
        self.clock, self.predict = clock, predict
        self.max_size, self.max_wait_ms = max_size, max_wait_ms
        self.waiting = []
        self.batch = 0  # number of the batch that is being gathered
        ### END SOLUTION

    def submit(self, request_id, row, reply):
        ### BEGIN SOLUTION
        self.waiting.append((request_id, row, reply))
        if len(self.waiting) == 1:
            batch = self.batch
            self.clock.at(self.clock.now() + self.max_wait_ms, lambda: self.expire(batch))
        if len(self.waiting) == self.max_size:
            self.flush()

    def expire(self, batch):
        # es: el vencimiento de un lote que ya salió no dice nada del siguiente
        # en: the expiry of a batch that has already left says nothing about the next one
        if batch == self.batch:
            self.flush()

    def flush(self):
        requests, self.waiting = self.waiting, []
        self.batch += 1
        values = self.values([row for _, row, _ in requests])
        for (request_id, _, reply), value in zip(requests, values, strict=True):
            reply(request_id, value)

    def values(self, rows):
        try:
            return self.predict(rows)
        except ValueError:
            if len(rows) == 1:
                return [None]
            return [value for row in rows for value in self.values([row])]
        ### END SOLUTION

# %% test="batcher/wait" points=2 row="26 28" objective="4.3"
import random as _t_random

from mlprod import checks
from mlprod.systems.clocks import SimulatedClock as _t_SimulatedClock


### BEGIN HIDDEN TESTS
def _t_expected(arrivals, max_size, max_wait_ms):
    """The batches that leave, written without a clock."""
    left, batches = list(arrivals), []
    while left:
        due = left[0][0] + max_wait_ms
        together = [one for one in left if one[0] < due][:max_size]
        when = together[-1][0] if len(together) == max_size else due
        batches.append((when, [row for _, row in together]))
        left = left[len(together) :]
    return batches


def _t_at_random(seed):
    chance = _t_random.Random(seed)
    max_size, max_wait, now, arrivals = chance.choice([1, 2, 3, 8]), chance.choice([3, 11, 40]) * 4 + 1, 0, []
    for _ in range(chance.choice([1, 7, 60])):
        now += 4 * chance.choice([0, 0, 1, 2, 8, 60])  # arrivals at multiples of 4, expiries never
        arrivals.append((now, chance.randrange(50)))
    return arrivals, max_size, max_wait
### END HIDDEN TESTS


class _t_Run:
    """A MicroBatcher at work: the batches that left, [(when, rows)], and the replies, {id: [(when, value)]}."""

    def __init__(self, arrivals, max_size, max_wait_ms, after=None, until_ms=10_000):
        """`arrivals`: (at_ms, row), request n is named n. `after`: {request: row that its reply submits}."""
        self.clock, self.batches, self.replies, self.after = _t_SimulatedClock(0), [], {}, after or {}
        self.names, self.arrived, self.max_size, self.max_wait_ms = [], {}, max_size, max_wait_ms
        with checks.ends(tr(es="MicroBatcher no termina: hay un bucle sin fin.", en="MicroBatcher does not end: there is an endless loop.")):
            self.batcher = MicroBatcher(self.clock, self.predict, max_size, max_wait_ms)
            for number, (at, row) in enumerate(arrivals):
                self.clock.at(at, lambda number=number, row=row: self.submit(f"q{number}", row))
            self.clock.run_until(until_ms)

    def submit(self, name, row):
        self.names.append(name)
        self.arrived[name] = (self.clock.now(), row)
        self.batcher.submit(name, row, self.reply)

    def predict(self, rows):
        rows = checks.plain(rows, tr(es="Lo que recibe predict.", en="What predict gets."))
        assert rows != [], tr(
            es=f"predict ha recibido una lista vacía en {self.clock.now()} ms: ¿es el vencimiento de un lote que ya había salido?",
            en=f"predict got an empty list at {self.clock.now()} ms: is it the expiry of a batch that had left already?",
        )
        assert isinstance(rows, list) and 1 <= len(rows) <= self.max_size, tr(
            es=f"predict ha recibido {rows!r}: se esperaba una lista de 1 a {self.max_size} filas.", en=f"predict got {rows!r}: a list of 1 to {self.max_size} rows was expected."
        )
        self.batches.append((self.clock.now(), rows))
        if any(row < 0 for row in rows):
            raise ValueError("a row is not valid")
        return [row * 10 + 0.5 for row in rows]

    def reply(self, request_id, value):
        self.replies.setdefault(request_id, []).append((self.clock.now(), checks.plain(value)))
        if request_id in self.after:
            self.submit(f"{request_id}+", self.after.pop(request_id))

    def check_waits(self):
        """Rule 2, by each request: nobody waits beyond the limit."""
        for name in self.names:
            arrived, got = self.arrived[name][0], self.replies.get(name, [])
            assert got, tr(
                es=f"La petición {name}, llegada en {arrived} ms, no recibe respuesta. En tandas de {self.max_size} o cada {self.max_wait_ms} ms, lo que antes llegue: un lote incompleto también sale.",
                en=f"Request {name}, which arrived at {arrived} ms, gets no reply. In groups of {self.max_size} or after {self.max_wait_ms} ms, whichever comes first: an incomplete batch leaves, too.",
            )
            assert got[0][0] - arrived <= self.max_wait_ms, tr(
                es=f"La petición {name} llega en {arrived} ms y espera {got[0][0] - arrived} ms; el límite es {self.max_wait_ms}.", en=f"Request {name} arrives at {arrived} ms and waits {got[0][0] - arrived} ms; the limit is {self.max_wait_ms}."
            )

    def check_batches(self, want):
        self.check_waits()
        for number, (got_one, want_one) in enumerate(zip(self.batches, want, strict=False)):
            assert list(got_one) == list(want_one), tr(
                es=f"Lote {number} (tamaño máximo {self.max_size}, espera máxima {self.max_wait_ms} ms):\n  se esperaban las filas {want_one[1]} en {want_one[0]} ms\n  y han ido {got_one[1]} en {got_one[0]} ms",
                en=f"Batch {number} (maximum size {self.max_size}, maximum wait {self.max_wait_ms} ms):\n  rows {want_one[1]} were expected at {want_one[0]} ms\n  and {got_one[1]} went at {got_one[0]} ms",
            )
        checks.same(len(self.batches), len(want), tr(es="Lotes que recibe predict.", en="Batches that predict gets."), observed=True)

    def check_replies(self, what):
        for name in self.names:
            row, got = self.arrived[name][1], self.replies.get(name, [])
            assert len(got) == 1, tr(es=f"{what} La petición {name} recibe {len(got)} respuestas, y debe recibir una.", en=f"{what} Request {name} gets {len(got)} replies, and must get one.")
            right = None if row < 0 else row * 10 + 0.5
            checks.same(got[0][1], right, tr(es=f"{what} Respuesta a {name}, cuya fila es {row}:", en=f"{what} Reply to {name}, whose row is {row}:"), observed=True)
        checks.same(set(self.replies), set(self.names), tr(es=f"{what} Peticiones respondidas.", en=f"{what} Requests that were answered."), observed=True)


_t_Run([(0, 1), (3, 2), (5, 3)], 3, 10).check_batches([(5, [1, 2, 3])])
_t_Run([(0, 1), (4, 2), (50, 3)], 3, 10).check_batches([(10, [1, 2]), (60, [3])])
_t_Run([(0, 1), (1, 2), (4, 3)], 2, 10).check_batches([(1, [1, 2]), (14, [3])])
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(150):
    _t_case = _t_at_random(_t_seed)
    _t_Run(*_t_case).check_batches(_t_expected(*_t_case))
### END HIDDEN TESTS

# %% test="batcher/answers" points=1 row="26" objective="4.3"
from mlprod import checks
from mlprod.systems.clocks import SimulatedClock as _t_SimulatedClock

_t_run = _t_Run([(0, 3), (1, 1), (2, 2), (3, 1), (4, 3)], 4, 10)
_t_run.check_replies(tr(es="Filas 3, 1, 2, 1 y, suelta, 3.", en="Rows 3, 1, 2, 1 and, on its own, 3."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(60):
    _t_case = _t_at_random(300 + _t_seed)
    _t_Run(*_t_case).check_replies(tr(es=f"{len(_t_case[0])} peticiones, tamaño máximo {_t_case[1]}, espera máxima {_t_case[2]} ms.", en=f"{len(_t_case[0])} requests, maximum size {_t_case[1]}, maximum wait {_t_case[2]} ms."))

_t_clock = _t_SimulatedClock(0)
_t_got, _t_both = [], []
for _t_factor in (1, 100):
    _t_both.append(MicroBatcher(_t_clock, lambda rows, factor=_t_factor: [row * factor for row in rows], 5, 7))
for _t_number, _t_one in enumerate(_t_both):
    _t_one.submit(f"m{_t_number}", 2, lambda *reply: _t_got.append(reply))
_t_clock.run_until(100)
checks.same([list(one) for one in _t_got], [["m0", 2], ["m1", 200]], tr(es="Dos MicroBatcher, cada uno con su modelo, no se mezclan.", en="Two MicroBatchers, each with its own model, do not mix."), observed=True)
### END HIDDEN TESTS

# %% test="batcher/failures" points=2 row="26" objective="4.3"
import random as _t_random

from mlprod import checks


def _t_check_failures(arrivals, max_size, max_wait_ms, what):
    try:
        run = _t_Run(arrivals, max_size, max_wait_ms)
    except ValueError:
        raise AssertionError(tr(es=f"{what} El ValueError de predict sale de MicroBatcher: una fila mala no debe tumbar a las demás.", en=f"{what} The ValueError of predict leaves MicroBatcher: one bad row must not bring down the others.")) from None
    run.check_waits()
    run.check_replies(what)


_t_check_failures([(0, 1), (1, -2), (2, 3), (40, 4)], 3, 10, tr(es="La segunda fila del primer lote no vale.", en="The second row of the first batch is not valid."))
_t_check_failures([(0, -1), (40, 4)], 3, 10, tr(es="Un lote de una sola fila, que no vale.", en="A batch of a single row, which is not valid."))
_t_run = _t_Run([(0, 1), (1, 2)], 2, 10, after={"q0": 5, "q1": 6})
_t_run.check_replies(tr(es="Al recibir su respuesta, dos clientes piden otra cosa.", en="On getting their answer, two clients ask for something else."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(60):
    _t_arrivals, _t_size, _t_wait = _t_at_random(500 + _t_seed)
    _t_chance = _t_random.Random(_t_seed)
    _t_arrivals = [(at, -row - 1 if _t_chance.random() < 0.25 else row) for at, row in _t_arrivals]
    _t_check_failures(_t_arrivals, _t_size, _t_wait, tr(es=f"{len(_t_arrivals)} peticiones; la cuarta parte no vale.", en=f"{len(_t_arrivals)} requests; a quarter of them are not valid."))
for _t_size in (1, 2, 3, 5):
    _t_run = _t_Run([(0, 1), (4, 2), (8, 3), (12, 4)], _t_size, 13, after={"q0": 5, "q0+": 6, "q2": -7, "q3": 8})
    _t_run.check_waits()
    _t_run.check_replies(tr(es=f"Clientes que al recibir su respuesta piden otra cosa, tamaño máximo {_t_size}.", en=f"Clients that ask for something else on getting their answer, maximum size {_t_size}."))
### END HIDDEN TESTS

# %% wrong="batcher" score=0 says_es="no recibe respuesta" says_en="gets no reply"
# es: El lote sale cuando está lleno: para eso se hacen lotes.
# en: The batch leaves when it is full: that is what batches are for.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.predict, self.max_size, self.waiting = predict, max_size, []

    def submit(self, request_id, row, reply):
        self.waiting.append((request_id, row, reply))
        if len(self.waiting) == self.max_size:
            requests, self.waiting = self.waiting, []
            try:
                values = self.predict([row for _, row, _ in requests])
            except ValueError:
                values = [None] * len(requests)
            for (name, _, reply_to), value in zip(requests, values, strict=True):
                reply_to(name, value)

# %% wrong="batcher" score=3 says_es="y han ido" says_en="went at"
# es: Cuando vence un plazo, sale lo que haya esperando, sea de qué lote sea.
# en: When a deadline expires, whatever is waiting leaves, whichever batch it is of.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.predict = clock, predict
        self.max_size, self.max_wait_ms, self.waiting = max_size, max_wait_ms, []

    def submit(self, request_id, row, reply):
        self.waiting.append((request_id, row, reply))
        self.clock.at(self.clock.now() + self.max_wait_ms, self.flush)
        if len(self.waiting) == self.max_size:
            self.flush()

    def flush(self):
        requests, self.waiting = self.waiting, []
        if requests:
            try:
                values = self.predict([row for _, row, _ in requests])
            except ValueError:
                values = [self.alone(row) for _, row, _ in requests]
            for (name, _, reply), value in zip(requests, values, strict=True):
                reply(name, value)

    def alone(self, row):
        try:
            return self.predict([row])[0]
        except ValueError:
            return None

# %% wrong="batcher" score=3 says_es="y han ido" says_en="went at"
# es: Cada petición tiene su plazo, y cuando vence sale ella.
# en: Each request has its deadline, and when it expires that one leaves.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.predict = clock, predict
        self.max_size, self.max_wait_ms, self.waiting = max_size, max_wait_ms, []

    def submit(self, request_id, row, reply):
        request = (request_id, row, reply)
        self.waiting.append(request)
        self.clock.at(self.clock.now() + self.max_wait_ms, lambda: self.flush([request]))
        if len(self.waiting) == self.max_size:
            self.flush(self.waiting)

    def flush(self, requests):
        requests = [request for request in requests if request in self.waiting]
        self.waiting = [request for request in self.waiting if request not in requests]
        if requests:
            try:
                values = self.predict([row for _, row, _ in requests])
            except ValueError:
                values = [self.alone(row) for _, row, _ in requests]
            for (name, _, reply), value in zip(requests, values, strict=True):
                reply(name, value)

    def alone(self, row):
        try:
            return self.predict([row])[0]
        except ValueError:
            return None

# %% wrong="batcher" score=2 says_es="cuya fila es" says_en="whose row is"
# es: Las filas se ordenan por tamaño para que el modelo rellene menos, y se contesta en ese orden.
# en: Rows are sorted by size so that the model pads less, and replies go in that order.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.predict = clock, predict
        self.max_size, self.max_wait_ms, self.waiting, self.batch = max_size, max_wait_ms, [], 0

    def submit(self, request_id, row, reply):
        self.waiting.append((request_id, row, reply))
        if len(self.waiting) == 1:
            self.clock.at(self.clock.now() + self.max_wait_ms, lambda batch=self.batch: batch == self.batch and self.flush())
        if len(self.waiting) == self.max_size:
            self.flush()

    def flush(self):
        requests, self.waiting, self.batch = self.waiting, [], self.batch + 1
        try:
            values = self.predict([row for _, row, _ in requests])
        except ValueError:
            values = [self.alone(row) for _, row, _ in requests]
        requests.sort(key=lambda request: request[1])
        for (name, _, reply), value in zip(requests, values, strict=True):
            reply(name, value)

    def alone(self, row):
        try:
            return self.predict([row])[0]
        except ValueError:
            return None

# %% wrong="batcher" score=3 says_es="cuya fila es" says_en="whose row is"
# es: Si el lote falla, falla para todos los que iban en él.
# en: If the batch fails, it fails for all that were in it.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.predict = clock, predict
        self.max_size, self.max_wait_ms, self.waiting, self.batch = max_size, max_wait_ms, [], 0

    def submit(self, request_id, row, reply):
        self.waiting.append((request_id, row, reply))
        if len(self.waiting) == 1:
            self.clock.at(self.clock.now() + self.max_wait_ms, lambda batch=self.batch: batch == self.batch and self.flush())
        if len(self.waiting) == self.max_size:
            self.flush()

    def flush(self):
        requests, self.waiting, self.batch = self.waiting, [], self.batch + 1
        try:
            values = self.predict([row for _, row, _ in requests])
        except ValueError:
            values = [None] * len(requests)
        for (name, _, reply), value in zip(requests, values, strict=True):
            reply(name, value)

# %% wrong="batcher" score=3 says_es="respuestas, y debe recibir una" says_en="replies, and must get one"
# es: La lista de los que esperan se vacía al final, cuando todos tienen su respuesta.
# en: The list of those waiting is emptied at the end, when all have their answer.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.predict = clock, predict
        self.max_size, self.max_wait_ms, self.waiting, self.batch = max_size, max_wait_ms, [], 0

    def submit(self, request_id, row, reply):
        self.waiting.append((request_id, row, reply))
        if len(self.waiting) == 1:
            self.clock.at(self.clock.now() + self.max_wait_ms, lambda batch=self.batch: batch == self.batch and self.flush())
        if len(self.waiting) == self.max_size:
            self.flush()

    def flush(self):
        try:
            values = self.predict([row for _, row, _ in self.waiting])
        except ValueError:
            values = [self.alone(row) for _, row, _ in self.waiting]
        for (name, _, reply), value in zip(list(self.waiting), values, strict=True):
            reply(name, value)
        self.waiting, self.batch = [], self.batch + 1

    def alone(self, row):
        try:
            return self.predict([row])[0]
        except ValueError:
            return None

# %% wrong="batcher" score=3 says_es="y han ido" says_en="went at"
# es: Para que nadie espere, se predice en cuanto llega.
# en: So that nobody waits, each is predicted as soon as it arrives.
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.predict = predict

    def submit(self, request_id, row, reply):
        try:
            value = self.predict([row])[0]
        except ValueError:
            value = None
        reply(request_id, value)

# %% right="batcher"
# es: con la hora de llegada de cada una, y partiendo por la mitad el lote que falla
# en: with the arrival time of each, and splitting in half the batch that fails
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.model, self.size, self.wait = clock, predict, max_size, max_wait_ms
        self.queue = deque()

    def submit(self, request_id, row, reply):
        self.queue.append((self.clock.now(), request_id, row, reply))
        self.clock.at(self.clock.now() + self.wait, self.look)
        self.look()

    def look(self):
        while self.queue and (len(self.queue) >= self.size or self.clock.now() >= self.queue[0][0] + self.wait):
            batch = [self.queue.popleft() for _ in range(min(self.size, len(self.queue)))]
            values = {}
            self.split(batch, values)
            for _, name, _, reply in batch:
                reply(name, values[name])

    def split(self, part, values):
        try:
            for (_, name, _, _), value in zip(part, self.model([one[2] for one in part]), strict=True):
                values[name] = value
        except ValueError:
            if len(part) == 1:
                values[part[0][1]] = None
            else:
                self.split(part[: len(part) // 2], values)
                self.split(part[len(part) // 2 :], values)

# %% right="batcher"
# es: cada lote es un objeto, y su vencimiento solo lo conoce a él
# en: each batch is an object, and its expiry knows that one only
class MicroBatcher:
    def __init__(self, clock, predict, max_size, max_wait_ms):
        self.clock, self.predict, self.max_size, self.max_wait_ms = clock, predict, max_size, max_wait_ms
        self.open = None

    def submit(self, request_id, row, reply):
        if self.open is None:
            self.open = batch = []
            self.clock.at(self.clock.now() + self.max_wait_ms, lambda: self.close(batch))
        self.open.append((request_id, row, reply))
        if len(self.open) >= self.max_size:
            self.close(self.open)

    def close(self, batch):
        if batch is not self.open:
            return
        self.open = None
        try:
            results = list(self.predict([row for _, row, _ in batch]))
        except Exception:
            results = []
            for _, row, _ in batch:
                try:
                    results += self.predict([row])
                except Exception:
                    results.append(None)
        for (request_id, _, reply), result in zip(batch, results, strict=True):
            reply(request_id, result)

# %% [markdown] lang="es" row="26"
# ## 4. Un servicio que no se hunde (5 puntos)
#
# Un solo trabajador atiende las peticiones de una en una y por orden de llegada; cada una lo ocupa `work_ms`. Si llegan más de las que puede atender y se guardan todas, la cola crece sin fin y **todos** esperan demasiado. Escribe:
#
# - `limit_for(budget_ms, work_ms)`: cuántas peticiones aceptadas y sin contestar puede haber como mucho, contando la que se acepta, para que ninguna aceptada tarde más de `budget_ms` en contestarse. Un entero, el mayor posible (0 si no cabe ninguna);
# - la clase `Service(clock, model, version, work_ms, limit)`, con el reloj simulado en milisegundos:
#     - `handle(features, reply)` recibe una petición. Si ya hay `limit` aceptadas y sin contestar, se rechaza en el acto: `reply(503, None)`. Si no, se acepta; el trabajador empieza con ella en cuanto está libre y acaba `work_ms` después, y en ese instante
#       se llama a `reply(200, {"value": value, "version": version})`, donde `value` es lo que devuelve `model(features)`;
#     - si `model` lanza `ValueError`, los datos de entrada no valen: `reply(422, None)`. Con cualquier otra excepción, `reply(500, None)`. También estas ocupan al trabajador `work_ms` y se contestan al final; el servicio sigue atendiendo;
#     - `swap(model, version)` cambia de modelo. Las peticiones que **empiezan** a atenderse después usan el nuevo; la que esté a medias acaba con el suyo, y su `version` es la del modelo que la ha calculado. No se pierde ninguna;
#     - `stop(done)` apaga ordenadamente: desde entonces toda petición nueva recibe 503, las aceptadas se terminan, y cuando se ha contestado la última se llama a `done()`, una vez; en el acto si no había ninguna;
#     - `metrics()` devuelve un diccionario: cuántas respuestas de cada tipo ha habido, con las claves `200`, `422`, `500` y `503` (enteros, siempre las cuatro), y `"in_flight"`, las aceptadas sin contestar.
#
# Da igual si se llama a `reply` antes o después de empezar con la petición siguiente, y si mientras se ejecuta `reply` su petición cuenta todavía como aceptada: las pruebas no llaman al servicio desde dentro de `reply`. A `stop` se llama una vez como mucho. Todos los tiempos de `limit_for` son enteros.
# %% [markdown] lang="en" row="26"
# ## 4. A service that does not go under (5 points)
#
# A single worker attends requests one by one, in order of arrival; each occupies it for `work_ms`. If more arrive than it can attend and all are kept, the queue grows without end and **everybody** waits too long. Write:
#
# - `limit_for(budget_ms, work_ms)`: how many requests, accepted and not yet answered, there may be at most, including the one that is being accepted, so that no accepted one takes more than `budget_ms` to be answered. An integer, as large as possible (0 if none fits);
# - the class `Service(clock, model, version, work_ms, limit)`, with the simulated clock in milliseconds:
#     - `handle(features, reply)` takes a request. If there are `limit` accepted and unanswered ones already, it is rejected on the spot: `reply(503, None)`. Otherwise it is accepted; the worker begins with it as soon as it is free and ends `work_ms` later, and at that instant
#       `reply(200, {"value": value, "version": version})` is called, where `value` is what `model(features)` returns;
#     - if `model` raises `ValueError`, the input is not valid: `reply(422, None)`. With any other exception, `reply(500, None)`. These, too, occupy the worker for `work_ms` and are answered at the end; the service goes on;
#     - `swap(model, version)` changes the model. Requests that **begin** to be attended afterwards use the new one; one that is halfway ends with its own, and its `version` is that of the model that computed it. None is lost;
#     - `stop(done)` shuts down in an orderly way: from then on every new request gets 503, the accepted ones are finished, and when the last has been answered `done()` is called, once; on the spot if there was none;
#     - `metrics()` returns a dict: how many replies of each kind there have been, with the keys `200`, `422`, `500` and `503` (integers, always all four), and `"in_flight"`, the accepted ones without an answer.
#
# It does not matter whether `reply` is called before or after the next request begins, nor whether while `reply` runs its request still counts as an accepted one: the tests do not call the service from within `reply`. `stop` is called once at most. All the times of `limit_for` are integers.

# %% answer="service"
def limit_for(budget_ms, work_ms):
    ### BEGIN SOLUTION
    return budget_ms // work_ms
    ### END SOLUTION


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        ### BEGIN SOLUTION
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit = work_ms, limit
        self.queue = deque()  # accepted and not yet answered; the worker is busy with the first
        self.counts = {200: 0, 422: 0, 500: 0, 503: 0}
        self.done = self.stopping = None
        ### END SOLUTION

    def handle(self, features, reply):
        ### BEGIN SOLUTION
        if self.stopping or len(self.queue) >= self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()
        ### END SOLUTION

    def swap(self, model, version):
        ### BEGIN SOLUTION
        self.model, self.version = model, version
        ### END SOLUTION

    def stop(self, done):
        ### BEGIN SOLUTION
        self.stopping, self.done = True, done
        if not self.queue:
            done()
        ### END SOLUTION

    def metrics(self):
        ### BEGIN SOLUTION
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        # es: el resultado y su versión se deciden juntos, al empezar
        # en: the result and its version are decided together, at the beginning
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except ValueError:
            result = 422, None
        except Exception:
            result = 500, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()
        ### END SOLUTION

# %% test="service/shed" points=2 row="26" objective="4.10"
import random as _t_random

from mlprod import checks
from mlprod.systems.clocks import SimulatedClock as _t_SimulatedClock


class _t_NotValid(ValueError):
    pass


class _t_Broken(RuntimeError):
    pass


def _t_model_of(version):
    """Each version multiplies by its own number; -1 is not a valid input, and -2 breaks it."""

    def model(features):
        if features["x"] == -1:
            raise _t_NotValid("x must not be negative")
        if features["x"] == -2:
            raise _t_Broken("out of memory")
        return features["x"] * version

    return model


### BEGIN HIDDEN TESTS
def _t_expected(events, work_ms, limit):
    """What each request gets, request by request."""
    answers, ends, stopped = [], [], False
    swaps = [(at, value) for at, what, value in events if what == "swap"]
    for at, what, x in events:
        if what == "stop":
            stopped = True
        if what != "ask":
            continue
        ends = [end for end in ends if end > at]
        if stopped or len(ends) >= limit:
            answers.append((at, 503, None))
            continue
        begin = max(at, ends[-1] if ends else at)
        ends.append(begin + work_ms)
        version = ([1] + [value for when, value in swaps if when < begin])[-1]
        status = {-1: 422, -2: 500}.get(x, 200)
        answers.append((begin + work_ms, status, {"value": x * version, "version": f"v{version}"} if status == 200 else None))
    return answers


def _t_events(seed, limit=1000, swaps=False, failures=False, stop=False):
    """Arrivals, swaps and a stop, of which none coincides with an end of work: each has a fraction of its own."""
    chance = _t_random.Random(seed)
    work, at, version, events = chance.choice([4, 8, 20]), 1, 1, []
    for number in range(chance.choice([3, 40, 200])):
        at += 4 * chance.choice([0, 1, 1, 2, 10])
        events.append((at + number / 1024, "ask", chance.choice([-1, -2]) if failures and chance.random() < 0.2 else number))
        if swaps and chance.random() < 0.1:
            version += 1
            events.append((at + 2 + (number + 0.5) / 1024, "swap", version))
    if stop:
        events.append((chance.choice(events)[0] + 0.25 / 1024, "stop", None))
    return sorted(events, key=lambda event: event[0]), work, limit


def _t_check_stories(seeds, limits=(1000,), **kinds):
    for seed in seeds:
        events, work, limit = _t_events(seed, limits[seed % len(limits)], **kinds)
        story = _t_Story(events, work, limit)
        want = _t_expected(events, work, limit)
        story.check(want, tr(es=f"{work} ms por petición, {limit} aceptadas como mucho.", en=f"{work} ms per request, {limit} accepted at most."))
        counts = {status: sum(one[1] == status for one in want) for status in (200, 422, 500, 503)}
        checks.same(story.service.metrics(), {**counts, "in_flight": 0}, tr(es="Lo que devuelve metrics() al final.", en="What metrics() returns at the end."))
### END HIDDEN TESTS


class _t_Story:
    """A Service and what happens to it: the replies, {request: [(when, status, body)]}, and the calls of done."""

    def __init__(self, events, work_ms, limit, until_ms=1_000_000):
        """`events`: (at_ms, what, value): "ask" with an x, "swap" with a version, "stop"."""
        self.clock, self.replies, self.done, self.asked, self.work_ms = _t_SimulatedClock(0), {}, [], [], work_ms
        self.during = []
        with checks.ends(tr(es="Service no termina: hay un bucle sin fin.", en="Service does not end: there is an endless loop.")):
            self.service = Service(self.clock, _t_model_of(1), "v1", work_ms, limit)
            for at, what, value in events:
                self.clock.at(at, lambda what=what, value=value: getattr(self, what)(value))
            try:
                self.clock.run_until(until_ms)
            except (_t_NotValid, _t_Broken) as error:
                kind = type(error).__base__.__name__
                raise AssertionError(
                    tr(
                        es=f"El modelo ha fallado con una petición ({kind}: {error}) y su excepción ha salido de Service: el servicio entero se para. Esa petición debe recibir 422 o 500, y las demás seguir.",
                        en=f"The model broke on one request ({kind}: {error}) and its exception left Service: the whole service stops. That request must get 422 or 500, and the others go on.",
                    )
                ) from None

    def ask(self, x):
        number = len(self.asked)
        self.asked.append((self.clock.now(), x))
        self.service.handle({"x": x}, lambda status, body: self.replies.setdefault(number, []).append((self.clock.now(), checks.plain(status), checks.plain(body))))

    def swap(self, version):
        self.service.swap(_t_model_of(version), f"v{version}")

    def stop(self, _):
        self.service.stop(lambda: self.done.append(self.clock.now()))

    def look(self, _):
        self.during.append(checks.plain(self.service.metrics()))

    def check(self, want, what):
        """`want`: (when, status, body) of each request."""
        for number, ((at, x), right) in enumerate(zip(self.asked, want, strict=True)):
            got = self.replies.get(number, [])
            about = tr(es=f"{what} Petición {number} (x={x}), llegada en {at} ms", en=f"{what} Request {number} (x={x}), which arrived at {at} ms")
            assert len(got) == 1, tr(es=f"{about}: recibe {len(got)} respuestas, y debe recibir una.", en=f"{about}: it gets {len(got)} replies, and must get one.")
            checks.same(list(got[0]), list(right), tr(es=f"{about}: instante, código y cuerpo de su respuesta.", en=f"{about}: instant, status and body of its reply."), observed=True)


_t_story = _t_Story([(3 * n + 1, "ask", n) for n in range(200)], work_ms=6, limit=limit_for(60, 6))
_t_waits = [got[0][0] - _t_story.asked[number][0] for number, got in _t_story.replies.items() if got[0][1] == 200]
assert _t_waits, tr(
    es=f"No se acepta ninguna petición, ni siquiera la primera: limit_for(60, 6) es {limit_for(60, 6)}.", en=f"No request is accepted, not even the first: limit_for(60, 6) is {limit_for(60, 6)}."
)
assert max(_t_waits) <= 60, tr(
    es=f"Llega el doble de lo que cabe, con limit_for(60, 6): una petición aceptada espera {max(_t_waits)} ms. ¿Hay un tope en la cola, y cuenta también la que se está atendiendo?",
    en=f"Twice what fits arrives, with limit_for(60, 6): an accepted request waits {max(_t_waits)} ms. Is there a bound on the queue, and does it count the one being attended, too?",
)
_t_story = _t_Story([(0, "ask", 1), (1, "ask", 2), (2, "ask", 3), (3, "ask", 4), (25, "ask", 5)], work_ms=10, limit=3)
_t_story.check(
    [(10, 200, {"value": 1, "version": "v1"}), (20, 200, {"value": 2, "version": "v1"}), (30, 200, {"value": 3, "version": "v1"}), (3, 503, None), (40, 200, {"value": 5, "version": "v1"})],
    tr(es="Un trabajador, 10 ms por petición, 3 aceptadas como mucho.", en="One worker, 10 ms per request, 3 accepted at most."),
)
checks.same(_t_story.service.metrics(), {200: 4, 422: 0, 500: 0, 503: 1, "in_flight": 0}, tr(es="Lo que devuelve metrics() al final.", en="What metrics() returns at the end."))
checks.same(limit_for(60, 7), 8, "limit_for(60, 7)")
checks.passed()
### BEGIN HIDDEN TESTS
for _t_budget in range(0, 40):
    for _t_work in (1, 3, 8):
        checks.same(limit_for(_t_budget, _t_work), _t_budget // _t_work, f"limit_for({_t_budget}, {_t_work})")
_t_check_stories(range(40), limits=(1, 2, 5, 30))
_t_story = _t_Story([(0, "ask", 1), (1, "ask", 2), (2, "ask", 3), (15, "look", None)], work_ms=10, limit=2)
checks.same(_t_story.during, [{200: 1, 422: 0, 500: 0, 503: 1, "in_flight": 1}], tr(es="metrics() a medias: 1 contestada, 1 rechazada, 1 atendiéndose.", en="metrics() halfway: 1 answered, 1 rejected, 1 being attended."))
### END HIDDEN TESTS

# %% test="service/swap" points=1 row="26" objective="4.10"
from mlprod import checks

_t_Story([(0, "ask", 1), (1, "ask", 2), (5, "swap", 7)], work_ms=10, limit=9).check(
    [(10, 200, {"value": 1, "version": "v1"}), (20, 200, {"value": 14, "version": "v7"})],
    tr(es="Cambio de modelo a v7, que multiplica por 7, con una petición a medias y otra en la cola.", en="A change of model to v7, which multiplies by 7, with one request halfway and another in the queue."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_stories(range(100, 140), swaps=True)
### END HIDDEN TESTS

# %% test="service/errors" points=1 row="26" objective="4.10"
from mlprod import checks

_t_Story([(0, "ask", -1), (1, "ask", -2), (2, "ask", 3)], work_ms=10, limit=9).check(
    [(10, 422, None), (20, 500, None), (30, 200, {"value": 3, "version": "v1"})],
    tr(es="Una petición que no vale, otra que rompe el modelo y una buena.", en="A request that is not valid, another that breaks the model, and a good one."),
)
checks.passed()
### BEGIN HIDDEN TESTS
_t_check_stories(range(200, 240), failures=True)
### END HIDDEN TESTS

# %% test="service/stop" points=1 row="26" objective="4.10"
from mlprod import checks


def _t_check_stop(events, work, limit, want, want_done, what):
    story = _t_Story(events, work, limit)
    story.check(want, what)
    checks.same(story.done, [want_done], tr(es=f"{what} Instantes en que se llama a done().", en=f"{what} Instants at which done() is called."), observed=True)


_t_check_stop(
    [(0, "ask", 1), (1, "ask", 2), (5, "stop", None), (7, "ask", 3)], 10, 9,
    [(10, 200, {"value": 1, "version": "v1"}), (20, 200, {"value": 2, "version": "v1"}), (7, 503, None)], 20,
    tr(es="stop con una petición a medias y otra en la cola, y después llega otra.", en="stop with one request halfway and another in the queue, and then another arrives."),
)
_t_check_stop([(5, "stop", None)], 10, 9, [], 5, tr(es="stop sin nada pendiente.", en="stop with nothing pending."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(300, 360):
    _t_all, _t_work, _t_limit = _t_events(_t_seed, stop=True)
    _t_want = _t_expected(_t_all, _t_work, _t_limit)
    _t_stopped = next(at for at, what, _ in _t_all if what == "stop")
    _t_last = max([end for end, status, _ in _t_want if status != 503 and end > _t_stopped], default=_t_stopped)
    _t_check_stop(_t_all, _t_work, _t_limit, _t_want, _t_last, tr(es=f"stop en {_t_stopped} ms.", en=f"stop at {_t_stopped} ms."))
### END HIDDEN TESTS

# %% wrong="service" score=3 says_es="tope en la cola" says_en="bound on the queue"
# es: Rechazar es perder: todo se acepta, y ya se atenderá.
# en: To reject is to lose: all are accepted, and will be attended in the end.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version

    def stop(self, done):
        self.stopping, self.done = True, done
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except ValueError:
            result = 422, None
        except Exception:
            result = 500, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% wrong="service" score=4 says_es="Cambio de modelo a v7" says_en="change of model to v7"
# es: La versión es la que haya cuando se contesta.
# en: The version is the one there is when the reply is given.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping or len(self.queue) >= self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version

    def stop(self, done):
        self.stopping, self.done = True, done
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, self.model(features)
        except ValueError:
            result = 422, None
        except Exception:
            result = 500, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        body = {"value": body, "version": self.version} if status == 200 else None
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% wrong="service" score=4 says_es="con una petición a medias y otra en la cola" says_en="one request halfway and another in the queue"
# es: Apagar es dejar de atender: lo que quede en la cola se rechaza.
# en: To shut down is to stop attending: whatever is left in the queue is rejected.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping or len(self.queue) >= self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version

    def stop(self, done):
        self.stopping, self.done = True, done
        while len(self.queue) > 1:
            self.counts[503] += 1
            self.queue.pop()[1](503, None)
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except ValueError:
            result = 422, None
        except Exception:
            result = 500, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% wrong="service" score=4 says_es="que rompe el modelo" says_en="that breaks the model"
# es: Si el modelo falla, falla el servicio, y es culpa de quien pide.
# en: If the model fails the service fails, and it is the caller's fault.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping or len(self.queue) >= self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version

    def stop(self, done):
        self.stopping, self.done = True, done
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except Exception:
            result = 422, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% wrong="service" score=4 says_es="su excepción ha salido de Service" says_en="its exception left Service"
# es: El único fallo que hay que prever es el de los datos de entrada.
# en: The only failure to provide for is that of the input.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping or len(self.queue) >= self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version

    def stop(self, done):
        self.stopping, self.done = True, done
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except ValueError:
            result = 422, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% wrong="service" score=4 says_es="otra en la cola" says_en="another in the queue"
# es: Al cambiar de modelo se vacía la cola: sus peticiones eran para el modelo viejo.
# en: On changing the model the queue is emptied: its requests were for the old model.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping or len(self.queue) >= self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version
        while len(self.queue) > 1:
            self.counts[503] += 1
            self.queue.pop()[1](503, None)

    def stop(self, done):
        self.stopping, self.done = True, done
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except ValueError:
            result = 422, None
        except Exception:
            result = 500, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% wrong="service" score=3 says_es="espera 63" says_en="waits 63"
# es: El límite es el de la cola: la que se está atendiendo no cuenta.
# en: The limit is that of the queue: the one being attended does not count.
def limit_for(budget_ms, work_ms):
    return budget_ms // work_ms


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.model, self.version = clock, model, version
        self.work_ms, self.limit, self.queue = work_ms, limit, deque()
        self.counts, self.stopping, self.done = {200: 0, 422: 0, 500: 0, 503: 0}, False, None

    def handle(self, features, reply):
        if self.stopping or len(self.queue) > self.limit:
            self.counts[503] += 1
            reply(503, None)
            return
        self.queue.append((features, reply))
        if len(self.queue) == 1:
            self.begin()

    def swap(self, model, version):
        self.model, self.version = model, version

    def stop(self, done):
        self.stopping, self.done = True, done
        if not self.queue:
            done()

    def metrics(self):
        return {**self.counts, "in_flight": len(self.queue)}

    def begin(self):
        features = self.queue[0][0]
        try:
            result = 200, {"value": self.model(features), "version": self.version}
        except ValueError:
            result = 422, None
        except Exception:
            result = 500, None
        self.clock.at(self.clock.now() + self.work_ms, lambda: self.end(*result))

    def end(self, status, body):
        _, reply = self.queue.popleft()
        self.counts[status] += 1
        reply(status, body)
        if self.queue:
            self.begin()
        elif self.stopping:
            self.done()


# %% right="service"
# es: se calcula al aceptar cuándo empezará cada una, y el modelo se mira en ese instante
# en: when each will begin is computed on accepting it, and the model is looked up at that instant
def limit_for(budget_ms, work_ms):
    return int(budget_ms / work_ms + 1e-9)


class Service:
    def __init__(self, clock, model, version, work_ms, limit):
        self.clock, self.work_ms, self.limit = clock, work_ms, limit
        self.current = (model, version)
        self.free_at, self.pending, self.statuses, self.on_empty, self.open = clock.now(), 0, Counter(), None, True

    def handle(self, features, reply):
        now = self.clock.now()
        if not self.open or self.pending >= self.limit:
            self.statuses[503] += 1
            return reply(503, None)
        self.pending += 1
        begin = max(now, self.free_at)
        self.free_at = begin + self.work_ms
        self.clock.at(begin, lambda: self._begin(features, reply))

    def _begin(self, features, reply):
        model, version = self.current
        self.clock.at(self.clock.now() + self.work_ms, lambda: self._end(model, version, features, reply))

    def _end(self, model, version, features, reply):
        body = None
        try:
            body = dict(value=model(features), version=version)
            status = 200
        except ValueError:
            status = 422
        except Exception:
            status = 500
        self.pending -= 1
        self.statuses[status] += 1
        reply(status, body)
        if self.on_empty and not self.pending:
            self.on_empty()

    def swap(self, model, version):
        self.current = (model, version)

    def stop(self, done):
        self.open = False
        self.on_empty = done
        if self.pending == 0:
            done()

    def metrics(self):
        return {status: self.statuses[status] for status in (200, 422, 500, 503)} | {"in_flight": self.pending}

# %% [markdown] lang="es" row="27"
# ## 5. Una respuesta por pregunta (4 puntos)
#
# Predicción en streaming: las peticiones van por un topic, y las respuestas vuelven por otro, a su ritmo y en cualquier orden. Lo que une una respuesta con su pregunta es un identificador que viaja en las dos. Quien calcula se caerá alguna vez a
# medias, y una misma petición puede llegar más de una vez a su topic. Escribe las dos partes.
#
# **Quien calcula.** `answer_requests(consumer, answers, model)` es la vida de un proceso: atiende hasta que `consumer.poll(1.0)` devuelve `None`, y vuelve.
#
# - El valor de cada mensaje es JSON: `{"id": "a-1", "features": [1, 2]}`. La misma petición (el mismo `id`) puede estar varias veces en el topic; dos `id` distintos son dos peticiones, aunque sus características sean iguales.
# - Por cada petición se llama a `answers.append({"id": "a-1", "value": model(features)})`, y cuando vuelve, la respuesta está a salvo en el topic de respuestas. Si `model` lanza `ValueError`, el `"value"` es `None`: quien pregunta también espera esa respuesta.
# - `answers.read()` devuelve la lista de todas las respuestas que hay en ese topic, también las de vidas anteriores. Solo este proceso escribe en él, y nunca hay dos vidas a la vez.
# - Cada `id` recibe **exactamente una** respuesta, muera el proceso donde muera; y cuando `answer_requests` vuelve por sí misma, todo está confirmado. El consumidor es como el de confluent-kafka (`poll`, `commit`…), ya suscrito y con `enable.auto.commit` a `False`; empieza en el
#   último offset confirmado. Lo que guardes en memoria muere con el proceso. `commit` puede ser síncrono o asíncrono (uno asíncrono llega a su destino con la llamada siguiente al consumidor, o cuando `answer_requests` vuelve), y aquí confirmar sin haber leído nada no hace nada. Ningún mensaje trae un error: no hace falta mirar `error()`.
#
# **Quien pregunta.** `Asker(clock, publish, name, timeout_ms)`: `name` es distinto en cada `Asker` que se crea, también si es un cliente que ha vuelto a arrancar; `clock`, el reloj simulado en milisegundos.
#
# - `ask(features, reply)` llama a `publish({"id": id, "features": features})` con un `id` de texto que no use nadie más, en ningún cliente ni en ninguna otra llamada. Cuando llegue su respuesta, se llama a `reply(value)`; si a los `timeout_ms` no ha llegado, a
#   `reply(None)`. Una sola vez en total.
# - `receive(answer)` se llama con cada respuesta del topic. Como es de todos, llegan las de los demás clientes, en cualquier orden, repetidas o tarde: las que no se esperan se pasan por alto. `publish` puede hacer que la respuesta llegue a `receive` antes de volver.
# %% [markdown] lang="en" row="27"
# ## 5. One answer per question (4 points)
#
# Streaming prediction: requests go through one topic, and answers come back through another, at their own pace and in any order. What joins an answer to its question is an identifier that travels in both. Whoever computes will crash halfway
# at times, and one request may come to its topic more than once. Write the two parts.
#
# **The one that computes.** `answer_requests(consumer, answers, model)` is the life of a process: it attends until `consumer.poll(1.0)` returns `None`, and returns.
#
# - The value of each message is JSON: `{"id": "a-1", "features": [1, 2]}`. The same request (the same `id`) may be several times in the topic; two different `id` are two requests, even if their features are equal.
# - For each request `answers.append({"id": "a-1", "value": model(features)})` is called, and when that returns the answer is safe in the topic of answers. If `model` raises `ValueError`, the `"value"` is `None`: whoever asks waits for that answer, too.
# - `answers.read()` returns the list of all the answers that are in that topic, those of earlier lives included. Only this process writes to it, and there are never two lives at once.
# - Each `id` gets **exactly one** answer, wherever the process dies; and when `answer_requests` returns by itself, everything is committed. The consumer is like that of confluent-kafka (`poll`, `commit`…), subscribed already and with `enable.auto.commit` set to `False`; it begins at the
#   last committed offset. What you keep in memory dies with the process. `commit` may be synchronous or asynchronous (an asynchronous one arrives with the next call of the consumer, or when `answer_requests` returns), and here to commit without having read anything does nothing. No message carries an error: there is no need to look at `error()`.
#
# **The one that asks.** `Asker(clock, publish, name, timeout_ms)`: `name` is different in each `Asker` that is made, also if it is a client that has started again; `clock` is the simulated clock in milliseconds.
#
# - `ask(features, reply)` calls `publish({"id": id, "features": features})` with an `id` that is a text and that nobody else uses, in no other client and in no other call. When its answer comes, `reply(value)` is called; if it has not come after `timeout_ms`,
#   `reply(None)`. Just once in all.
# - `receive(answer)` is called with each answer of the topic. As it belongs to all, those of other clients come, in any order, repeated or late: those that nobody waits for are ignored. `publish` may bring the answer to `receive` before it returns.

# %% answer="answer_requests"
def answer_requests(consumer, answers, model):
    ### BEGIN SOLUTION
    # es: lo ya respondido está escrito en el propio topic de respuestas
    # en: what has been answered is written in the very topic of answers
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)
    ### END SOLUTION


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        ### BEGIN SOLUTION
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}
        ### END SOLUTION

    def ask(self, features, reply):
        ### BEGIN SOLUTION
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})
        ### END SOLUTION

    def receive(self, answer):
        ### BEGIN SOLUTION
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])
        ### END SOLUTION

# %% test="answer_requests/once" points=2 row="27" objective="4.4"
from confluent_kafka import KafkaError as _t_KafkaError, KafkaException as _t_KafkaException

from mlprod import checks
from mlprod.systems import crashes as _t_crashes, memory_topic as _t_memory_topic, pickling as _t_pickling


class _t_Consumer(_t_crashes.SteppedConsumer):
    """One for which it is no error to commit when nothing has been read."""

    def commit(self, *args, **kwargs):
        try:
            return super().commit(*args, **kwargs)
        except _t_KafkaException as error:
            if error.args[0].code() != _t_KafkaError._NO_OFFSET:
                raise


class _t_Answers:
    """The topic of answers, each of whose operations is two steps of the process."""

    def __init__(self, stored, steps):
        self.stored, self.steps = stored, steps

    def append(self, answer):
        answer = checks.plain(answer, tr(es="Lo que recibe answers.append.", en="What answers.append gets."))
        assert isinstance(answer, dict) and set(answer) == {"id", "value"}, tr(
            es=f'answers.append recibe {{"id": …, "value": …}}, y ha recibido {answer!r}.', en=f'answers.append gets {{"id": …, "value": …}}, and it got {answer!r}.'
        )
        self.steps.take(f"append {answer['id']}")
        self.stored.append(answer)
        self.steps.take(f"append {answer['id']}: done")

    def read(self):
        self.steps.take("read")
        return [dict(answer) for answer in self.stored]


class _t_Negative(ValueError):
    pass


def _t_model(features):
    if features[0] < 0:
        raise _t_Negative("a feature is negative")
    return sum(features)


def _t_story(requests, crash_at=()):
    """Lives that die at those steps, and a last one that does not: (answers, lag, names of the steps of the first life)."""
    import pickle

    topic, stored = _t_memory_topic.Topic(partitions=2), []
    for request_id, features in requests:
        topic.append(int(request_id[-1]) % 2, None, json.dumps({"id": request_id, "features": features}).encode())
    program = _t_pickling.dumps(answer_requests)

    def live(steps):
        its_own = pickle.loads(program)
        consumer = topic.consumer({"enable.auto.commit": False})
        its_own(_t_Consumer(consumer, steps), _t_Answers(stored, steps), _t_model)
        if not steps.dead:
            consumer.settle()

    try:
        taken = _t_crashes.lives(live, crash_at)
    except _t_crashes.Endless as endless:
        raise AssertionError(tr(es=f"answer_requests no termina: {endless}", en=f"answer_requests does not end: {endless}")) from None
    except _t_Negative:
        raise AssertionError(
            tr(es="El ValueError de model sale de answer_requests: esa petición también espera una respuesta, con None.", en="The ValueError of model leaves answer_requests: that request waits for an answer, too, with None.")
        ) from None
    return stored, topic.lag(), taken[0].names


def _t_check_once(requests, crash_at=(), where=""):
    stored, lag, names = _t_story(requests, crash_at)
    counts = Counter(answer["id"] for answer in stored)
    for request_id, features in requests:
        if not counts[request_id]:
            why = tr(es="¿se confirmó antes de responder?", en="was it committed before it was answered?")
            if not crash_at and any(features == others and counts[other] for other, others in requests):
                why = tr(es=f"hay otra con las mismas características, {features}, pero es otra petición.", en=f"there is another with the same features, {features}, but it is another request.")
            raise AssertionError(tr(es=f"{where} La petición {request_id!r} se queda sin respuesta: {why}", en=f"{where} Request {request_id!r} is left without an answer: {why}"))
        assert counts[request_id] == 1, tr(
            es=f"{where} La petición {request_id!r} tiene {counts[request_id]} respuestas: ¿cómo sabe el proceso, recién arrancado, cuáles dio ya?",
            en=f"{where} Request {request_id!r} has {counts[request_id]} answers: how does the process know, when it has just started, which ones it gave already?",
        )
        right = None if features[0] < 0 else sum(features)
        checks.same(next(one["value"] for one in stored if one["id"] == request_id), right, tr(es=f"{where} Valor respondido a {request_id!r}, de características {features}.", en=f"{where} Value answered to {request_id!r}, of features {features}."), observed=True)
    checks.same(len(stored), len({one for one, _ in requests}), tr(es=f"{where} Respuestas en total.", en=f"{where} Answers in all."), observed=True)
    checks.same(lag, 0, tr(es=f"{where} Mensajes sin confirmar cuando answer_requests vuelve.", en=f"{where} Messages without a commit when answer_requests returns."), observed=True)
    return names


_t_requests = [("a-1", [1, 2]), ("a-2", [3]), ("b-1", [1, 2]), ("a-1", [1, 2]), ("b-2", [-1])]
_t_names = _t_check_once(_t_requests, where=tr(es="Sin caídas.", en="Without crashes."))
for _t_at, _t_name in enumerate(_t_names, 1):
    _t_check_once(_t_requests, [_t_at], tr(es=f"El proceso muere en el paso {_t_at} («{_t_name}»).", en=f"The process dies at step {_t_at} ('{_t_name}')."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_more = [*_t_requests, ("b-3", [0]), ("c-1", [5]), ("b-2", [-1]), ("c-1", [5]), ("a-1", [1, 2])]
_t_names = _t_check_once(_t_more, where=tr(es="Una petición no vale, y varias están repetidas.", en="One request is not valid, and several are repeated."))
for _t_at, _t_name in enumerate(_t_names, 1):
    for _t_dies_at in ([_t_at], [_t_at, 4], [_t_at, 7, 3]):
        _t_check_once(_t_more, _t_dies_at, tr(es=f"El proceso muere en el paso {_t_at} («{_t_name}»).", en=f"The process dies at step {_t_at} ('{_t_name}')."))
_t_check_once([], where=tr(es="No hay peticiones.", en="There are no requests."))
### END HIDDEN TESTS

# %% test="answer_requests/asker" points=2 row="27" objective="4.4"
import random as _t_random

from mlprod import checks
from mlprod.systems.clocks import SimulatedClock as _t_SimulatedClock


class _t_Wire:
    """Several clients on one topic of answers, a clock, and what each call of ask was told."""

    def __init__(self, names=("a", "b"), timeout_ms=100, at_once=False):
        self.clock, self.published, self.told, self.at_once = _t_SimulatedClock(0), [], {}, at_once
        self.askers = {name: Asker(self.clock, self.publish, name, timeout_ms) for name in names}

    def publish(self, request):
        request = checks.plain(request, tr(es="Lo que recibe publish.", en="What publish gets."))
        assert isinstance(request, dict) and set(request) == {"id", "features"} and isinstance(request["id"], str), tr(
            es=f'publish recibe `{{"id": …, "features": …}}`, con un id de texto, y ha recibido {request!r}.', en=f'publish gets `{{"id": …, "features": …}}`, with an id that is a text, and it got {request!r}.'
        )
        assert request["id"] not in {one["id"] for one in self.published}, tr(
            es=f"El id {request['id']!r} ya lo lleva otra petición: sus respuestas no se podrían distinguir.", en=f"The id {request['id']!r} belongs to another request already: their answers could not be told apart."
        )
        self.published.append(request)
        if self.at_once:
            self.answer(len(self.published) - 1)

    def ask(self, name, features):
        """Number of the question."""
        number = len(self.told)
        self.told[number] = []
        self.askers[name].ask(features, lambda value: self.told[number].append((self.clock.now(), checks.plain(value))))
        return number

    def answer(self, number, value=None):
        """Put on the topic, for all the clients, the answer to the request published as number `number`."""
        request = self.published[number]
        for name in self.askers:
            self.receive(name, {"id": request["id"], "value": sum(request["features"]) if value is None else value})

    def receive(self, name, answer):
        try:
            self.askers[name].receive(dict(answer))
        except KeyError:
            raise AssertionError(
                tr(
                    es=f"El cliente {name!r} recibe la respuesta a {answer['id']!r} y lanza KeyError: una respuesta que nadie espera (de otro cliente, repetida o tardía) se ignora.",
                    en=f"Client {name!r} receives the answer to {answer['id']!r} and raises KeyError: an answer that nobody waits for (another client's, repeated or late) is ignored.",
                )
            ) from None

    def check(self, number, want, what):
        checks.same(self.told[number], [want], tr(es=f"{what} Llamadas a reply de la pregunta {number}: (ms, valor).", en=f"{what} Calls of reply of question {number}: (ms, value)."), observed=True)


_t_wire = _t_Wire()
for _t_name, _t_features in (("a", [1]), ("b", [2]), ("a", [5])):
    _t_wire.ask(_t_name, _t_features)
_t_wire.clock.run_until(30)
for _t_number in (2, 1, 0, 1):
    _t_wire.answer(_t_number)
_t_wire.clock.run_until(500)
for _t_number, _t_value in enumerate((1, 2, 5)):
    _t_wire.check(_t_number, (30, _t_value), tr(es="Tres preguntas de dos clientes; las respuestas llegan desordenadas, y una, dos veces.", en="Three questions of two clients; the answers come out of order, and one of them twice."))
_t_wire = _t_Wire()
_t_wire.ask("a", [7])
_t_wire.clock.run_until(300)
_t_wire.answer(0)
_t_wire.check(0, (100, None), tr(es="La respuesta llega 200 ms después del tiempo límite.", en="The answer comes 200 ms after the timeout."))
_t_wire = _t_Wire(at_once=True)
_t_wire.ask("a", [7])
_t_wire.clock.run_until(500)
_t_wire.check(
    0, (0, 7),
    tr(es="La respuesta llega a receive antes de que publish vuelva: ¿se apuntó la pregunta antes de publicarla?", en="The answer comes to receive before publish returns: was the question noted down before it was published?"),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(60):
    _t_chance = _t_random.Random(_t_seed)
    _t_timeout = _t_chance.choice([40, 200])  # no multiple of 3
    _t_wire, _t_asked, _t_want = _t_Wire(names=("a", "b", "a-1", ""), timeout_ms=_t_timeout), [], {}
    for _ in range(120):
        _t_wire.clock.run_until(_t_wire.clock.now() + 3)
        for _t_number, _t_at in _t_asked:
            if _t_number not in _t_want and _t_wire.clock.now() - _t_at > _t_timeout:
                _t_want[_t_number] = (_t_at + _t_timeout, None)
        if not _t_asked or _t_chance.random() < 0.5:
            _t_asked.append((_t_wire.ask(_t_chance.choice(sorted(_t_wire.askers)), [_t_chance.randrange(-3, 3)]), _t_wire.clock.now()))
        else:
            _t_number, _t_at = _t_chance.choice(_t_asked)
            _t_wire.answer(_t_number)
            _t_want.setdefault(_t_number, (_t_wire.clock.now(), sum(_t_wire.published[_t_number]["features"])))
    for _t_number, _t_at in _t_asked:
        _t_want.setdefault(_t_number, (_t_at + _t_timeout, None))
    _t_wire.clock.run_until(10_000)
    for _t_number, _ in _t_asked:
        _t_wire.check(_t_number, _t_want[_t_number], tr(es="Cuatro clientes, con respuestas repetidas, tardías y ajenas.", en="Four clients, with answers that are repeated, late and other people's."))
_t_wire = _t_Wire(at_once=True)
_t_wire.ask("a", [0])
_t_wire.clock.run_until(500)
_t_wire.check(0, (0, 0), tr(es="La respuesta, que es 0, llega antes de que publish vuelva.", en="The answer, which is 0, comes before publish returns."))
_t_wire = _t_Wire()
_t_wire.ask("a", [4])
for _t_name in _t_wire.askers:
    _t_wire.receive(_t_name, {"id": "nobody", "value": 3})
    _t_wire.receive(_t_name, {"id": _t_wire.published[0]["id"], "value": None})
_t_wire.clock.run_until(500)
_t_wire.check(0, (0, None), tr(es="La respuesta es None: el modelo no ha podido, y no se espera más.", en="The answer is None: the model could not, and there is nothing more to wait for."))
### END HIDDEN TESTS

# %% wrong="answer_requests" score=2 says_es="se queda sin respuesta" says_en="left without an answer"
# es: Se confirma al recibir: así ninguna petición se responde dos veces.
# en: It is committed on receipt: that way no request is answered twice.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        consumer.commit(message=message, asynchronous=False)
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="recién arrancado" says_en="just started"
# es: Basta con recordar en memoria lo respondido.
# en: It is enough to remember in memory what was answered.
def answer_requests(consumer, answers, model):
    answered = set()
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="respuestas: ¿cómo sabe" says_en="answers: how does"
# es: Se responde a cada mensaje, y quien pregunta ya descartará las repeticiones.
# en: Each message is answered, and whoever asks will drop the repetitions.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if True:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="se queda sin respuesta" says_en="left without an answer"
# es: Dos peticiones con las mismas características son la misma.
# en: Two requests with the same features are the same one.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if str(request["features"]) not in answered and request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(str(request["features"]))
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="ya lo lleva otra petición" says_en="belongs to another request"
# es: Cada cliente numera sus preguntas.
# en: Each client numbers its questions.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = str(self.asked)
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="llegan desordenadas" says_en="come out of order"
# es: Las respuestas llegan en el orden de las preguntas.
# en: Answers come in the order of the questions.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(next(iter(self.waiting), None), None) if answer["id"].startswith(self.name) else None
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="después del tiempo límite" says_en="after the timeout"
# es: Una respuesta tardía es mejor que ninguna: también se entrega.
# en: A late answer is better than none: it is delivered, too.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: request_id in self.waiting and reply(None))
        self.publish({"id": request_id, "features": features})

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% wrong="answer_requests" score=2 says_es="antes de que publish vuelva" says_en="before publish returns"
# es: La pregunta se apunta cuando ya ha salido: la respuesta tarda lo suyo.
# en: The question is noted down once it has left: the answer takes its time.
def answer_requests(consumer, answers, model):
    answered = {answer["id"] for answer in answers.read()}
    while (message := consumer.poll(1.0)) is not None:
        request = json.loads(message.value())
        if request["id"] not in answered:
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})
            answered.add(request["id"])
        consumer.commit(message=message, asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.asked, self.waiting = 0, {}

    def ask(self, features, reply):
        self.asked += 1
        request_id = f"{self.name}-{self.asked}"
        self.publish({"id": request_id, "features": features})
        self.waiting[request_id] = reply
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.receive({"id": request_id, "value": None}))

    def receive(self, answer):
        reply = self.waiting.pop(answer["id"], None)
        if reply is not None:
            reply(answer["value"])


# %% right="answer_requests"
# es: por lotes, mirando en el topic de respuestas antes de cada uno; y con un uuid por pregunta
# en: in batches, looking at the topic of answers before each; and with a uuid per question
def answer_requests(consumer, answers, model):
    while messages := consumer.consume(3, 1.0):
        done = [answer["id"] for answer in answers.read()]
        for message in messages:
            request = json.loads(message.value().decode())
            if request["id"] in done:
                continue
            try:
                outcome = model(request["features"])
            except Exception:
                outcome = None
            answers.append(dict(value=outcome, id=request["id"]))
            done.append(request["id"])
        consumer.commit(asynchronous=False)


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.timeout_ms = clock, publish, timeout_ms
        self.open = []

    def ask(self, features, reply):
        import uuid

        entry = (str(uuid.uuid4()), reply)
        self.open.append(entry)

        def late():
            if entry in self.open:
                self.open.remove(entry)
                reply(None)

        self.clock.at(self.clock.now() + self.timeout_ms, late)
        self.publish({"id": entry[0], "features": features})

    def receive(self, answer):
        for entry in list(self.open):
            if entry[0] == answer["id"]:
                self.open.remove(entry)
                entry[1](answer["value"])

# %% right="answer_requests"
# es: se mira en el topic de respuestas antes de cada una, y solo se confirma al final; las preguntas acabadas se recuerdan
# en: the topic of answers is looked at before each, and the only commit is at the end; finished questions are remembered
def already(answers, request_id):
    return any(answer["id"] == request_id for answer in answers.read())


def answer_requests(consumer, answers, model):
    while True:
        message = consumer.poll(1.0)
        if message is None:
            consumer.commit(asynchronous=False)
            return
        request = json.loads(message.value().decode("utf-8"))
        if not already(answers, request["id"]):
            try:
                value = model(request["features"])
            except ValueError:
                value = None
            answers.append({"id": request["id"], "value": value})


class Asker:
    def __init__(self, clock, publish, name, timeout_ms):
        self.clock, self.publish, self.name, self.timeout_ms = clock, publish, name, timeout_ms
        self.state = {}

    def ask(self, features, reply):
        request_id = f"{self.name}:{len(self.state)}"
        self.state[request_id] = ("open", reply)
        self.clock.at(self.clock.now() + self.timeout_ms, lambda: self.finish(request_id, None))
        self.publish({"id": request_id, "features": features})

    def finish(self, request_id, value):
        state, reply = self.state.get(request_id, ("unknown", None))
        if state == "open":
            self.state[request_id] = ("done", None)
            reply(value)

    def receive(self, answer):
        self.finish(answer["id"], answer["value"])
# %% [markdown] lang="es" row="31"
# ## 6. El servidor híbrido (6 puntos)
#
# Las consultas frecuentes se calculan por lotes y se guardan en una tabla; las demás se calculan en línea, y lo calculado se conserva un rato en una caché. Escribe la clase `Hybrid(clock, predict, version, cache_size, ttl_s, default)`:
#
# - `clock` es el reloj simulado, en segundos; `predict(features)`, el modelo en línea, cuya versión es `version`. `features` es un diccionario cuyos valores son textos o enteros; todos los de un servidor tienen los mismos nombres, en cualquier orden, y **todas** cuentan:
#   dos diccionarios que difieren en una sola característica son consultas distintas;
# - `publish(rows, version, computed_s)` trae la tabla entera que ha calculado un trabajo por lotes: `rows` es una lista de pares `(features, value)`; `computed_s`, cuándo se calcularon. Sustituye a la anterior, y no toca la caché: los valores que hubiera en ella de esas consultas se quedan. Si `version` no es la del modelo desplegado (un trabajo que ha acabado
#   tarde), no cambia nada;
# - `deploy(predict, version)` pone un modelo nuevo: desde entonces no se usa nada de lo que calculó el anterior, ni de la tabla ni de la caché. El servidor empieza sin tabla;
# - `answer(features)` devuelve `{"value": …, "source": …, "version": …, "age_s": …}`:
#     - de la tabla si la consulta está en ella (`"table"`); si no, de la caché (`"cache"`); si no, se llama a `predict` **una vez** (`"online"`) y el valor pasa a la caché. Una consulta que nadie ha visto es lo normal, y no un error;
#     - `age_s` es el tiempo desde que se calculó el valor; en línea, 0. Solo se usa un valor de edad **menor** que `ttl_s`, venga de la tabla o de la caché; si el de la tabla ha caducado, se busca en la caché, y luego en línea;
#     - si `predict` lanza una excepción, la respuesta lleva `default`, `"default"`, la versión desplegada y edad 0, y **no se guarda**: la próxima vez se vuelve a intentar.
# - en la caché hay como mucho `cache_size` valores, y `cache_size` es 1 o más. Cuando no cabe uno nuevo, sale el que lleva más tiempo sin que nadie lo pida; los caducados puedes quitarlos antes, o dejar que ocupen su sitio hasta que salgan. Lo que responde la tabla no ocupa sitio en la caché, ni cuenta como
#   haber pedido la copia que hubiera en ella. Una predicción puede valer `0.0` o `None`, y es tan buena como cualquiera.
#
# Cada llamada a `predict` cuesta dinero: en un día de peticiones con distribución de Zipf no puedes hacer más de las que hacen falta con estas reglas (se tolera un 2 % más).
# %% [markdown] lang="en" row="31"
# ## 6. The hybrid server (6 points)
#
# Common queries are computed in batch and kept in a table; the others are computed online, and what was computed stays in a cache for a while. Write the class `Hybrid(clock, predict, version, cache_size, ttl_s, default)`:
#
# - `clock` is the simulated clock, in seconds; `predict(features)` is the online model, whose version is `version`. `features` is a dict whose values are texts or integers; all those of one server have the same names, in any order, and **all** of them count:
#   two dicts that differ in a single feature are different queries;
# - `publish(rows, version, computed_s)` brings the whole table that a batch job has computed: `rows` is a list of pairs `(features, value)`; `computed_s` is when they were computed. It takes the place of the previous one, and does not touch the cache: the values that it has of those queries stay. If `version` is not that of the deployed model (a job that ended
#   late), nothing changes;
# - `deploy(predict, version)` puts a new model in place: from then on nothing that the previous one computed is used, neither from the table nor from the cache. The server begins without a table;
# - `answer(features)` returns `{"value": …, "source": …, "version": …, "age_s": …}`:
#     - from the table if the query is in it (`"table"`); if not, from the cache (`"cache"`); if not, `predict` is called **once** (`"online"`) and the value goes into the cache. A query that nobody has seen is the normal case, and no error;
#     - `age_s` is the time since the value was computed; online, 0. Only a value whose age is **less** than `ttl_s` is used, whether it comes from the table or from the cache; if that of the table has expired, it is looked for in the cache, and then online;
#     - if `predict` raises an exception, the answer carries `default`, `"default"`, the deployed version and age 0, and it is **not kept**: next time it is tried again.
# - there are at most `cache_size` values in the cache, and `cache_size` is 1 or more. When there is no room for a new one, the least recently requested one goes out; you may remove expired ones before, or let them keep their place until they go out. What the table answers takes up no room in the cache, and does not count as
#   a request for the copy that may be there. A prediction may be `0.0` or `None`, and is as good as any other.
#
# Each call of `predict` costs money: in a day of requests with a Zipf distribution you may not make more of them than these rules need (up to 2% more is tolerated).

# %% answer="hybrid"
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        ### BEGIN SOLUTION
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.deploy(predict, version)
        ### END SOLUTION

    def deploy(self, predict, version):
        ### BEGIN SOLUTION
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()  # key: (value, when it was computed)
        ### END SOLUTION

    def publish(self, rows, version, computed_s):
        ### BEGIN SOLUTION
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}
        ### END SOLUTION

    def answer(self, features):
        ### BEGIN SOLUTION
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))
        ### END SOLUTION

# %% test="hybrid/sources" points=2 row="31" objective="4.8"
from mlprod import checks
from mlprod.systems.clocks import SimulatedClock as _t_SimulatedClock


class _t_Site:
    """A Hybrid, its clock, and a model whose values tell the query and the version; `broken` makes it fail."""

    def __init__(self, cache_size=100, ttl_s=60, version="v1", values=None):
        self.clock, self.calls, self.broken, self.values = _t_SimulatedClock(0), 0, False, values or {}
        self.server = Hybrid(self.clock, self.model(version), version, cache_size, ttl_s, -1.0)

    def model(self, version):
        def predict(features):
            self.calls += 1
            if self.broken:
                raise TimeoutError("the model does not answer")
            if features.get("r") in self.values:
                return self.values[features["r"]]
            return f"{version}:{'/'.join(str(features[name]) for name in sorted(features))}"

        return predict

    def wait(self, seconds):
        self.clock.run_until(self.clock.now() + seconds)

    def ask(self, features, value, source, age_s=0, version="v1", what="", calls=None):
        before = self.calls
        try:
            got = checks.plain(self.server.answer(dict(features)))
        except NotImplementedError:
            raise
        except Exception as error:
            raise AssertionError(tr(es=f"{what} answer({features}) lanza {type(error).__name__}: {error}. Siempre hay una respuesta.", en=f"{what} answer({features}) raises {type(error).__name__}: {error}. There is always an answer.").strip()) from None
        checks.same(got, {"value": value, "source": source, "version": version, "age_s": age_s}, f"{what} {self.clock.now()} s, answer({features}):".strip())
        wanted = (source in ("online", "default")) if calls is None else calls
        checks.same(self.calls - before, int(wanted), tr(es=f"{what} Llamadas a predict en answer({features}).", en=f"{what} Calls of predict in answer({features}).").strip(), observed=True)


_t_site = _t_Site()
_t_site.server.publish([({"r": "r1", "hour": 20}, 31.5)], "v1", 0)
_t_site.wait(5)
_t_site.ask({"hour": 20, "r": "r1"}, 31.5, "table", 5, what=tr(es="Está en la tabla, con los nombres en otro orden.", en="It is in the table, with the names in another order."))
_t_site.ask({"r": "new", "hour": 20}, "v1:20/new", "online", what=tr(es="Nadie ha pedido nunca este restaurante.", en="Nobody has ever asked for this restaurant."))
_t_site.wait(3)
_t_site.ask({"r": "new", "hour": 20}, "v1:20/new", "cache", 3, what=tr(es="Se calculó hace 3 s.", en="It was computed 3 s ago."))
_t_site.ask({"r": "new", "hour": 21}, "v1:21/new", "online", what=tr(es="El mismo restaurante a otra hora es otra consulta.", en="The same restaurant at another hour is another query."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_site = _t_Site(values={"zero": 0.0, "none": None})
for _t_r, _t_value in (("zero", 0.0), ("none", None)):
    _t_site.ask({"r": _t_r}, _t_value, "online")
    _t_site.ask({"r": _t_r}, _t_value, "cache", what=tr(es=f"La predicción {_t_value} está en la caché.", en=f"The prediction {_t_value} is in the cache."))
_t_site.server.publish([({"r": "t"}, 0.0), ({"r": "u"}, None)], "v1", 0)
_t_site.ask({"r": "t"}, 0.0, "table", what=tr(es="La tabla dice 0.0.", en="The table says 0.0."))
_t_site.ask({"r": "u"}, None, "table", what=tr(es="La tabla dice None.", en="The table says None."))
_t_site = _t_Site()
for _t_features, _t_value in (({"a": "x", "b": "yz"}, "v1:x/yz"), ({"a": "xy", "b": "z"}, "v1:xy/z"), ({"a": "yz", "b": "x"}, "v1:yz/x"), ({"b": "", "a": "xyz"}, "v1:xyz/"), ({"a": 1, "b": 12}, "v1:1/12"), ({"a": 11, "b": 2}, "v1:11/2")):
    _t_site.ask(_t_features, _t_value, "online", what=tr(es="Consultas que se parecen pero son distintas.", en="Queries that look alike but are different."))
_t_site.server.publish([({"r": "r1"}, 1.0), ({"r": "r2"}, 2.0)], "v1", 0)
_t_site.server.publish([({"r": "r2"}, 3.0)], "v1", 0)
_t_site.ask({"r": "r2"}, 3.0, "table", what=tr(es="Una tabla sustituye a otra.", en="A table takes the place of another."))
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="r1 ya no está en la tabla nueva.", en="r1 is no longer in the new table."))
### END HIDDEN TESTS

# %% test="hybrid/fresh" points=2 row="31" objective="4.8"
from mlprod import checks

_t_site = _t_Site(ttl_s=60)
_t_site.ask({"r": "r1"}, "v1:r1", "online")
_t_site.wait(59)
_t_site.ask({"r": "r1"}, "v1:r1", "cache", 59, what=tr(es="ttl_s vale 60.", en="ttl_s is 60."))
_t_site.wait(2)
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="Se calculó hace 61 s y ttl_s vale 60: que se haya pedido hace 2 s no lo hace más nuevo.", en="It was computed 61 s ago and ttl_s is 60: that it was asked for 2 s ago does not make it newer."))
_t_site.wait(60)
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="Se calculó hace 60 s y ttl_s vale 60: solo se usa un valor de edad menor.", en="It was computed 60 s ago and ttl_s is 60: only a value of lesser age is used."))
_t_site.server.publish([({"r": "r2"}, 5.0)], "v1", 70)
_t_site.ask({"r": "r2"}, 5.0, "table", 51, what=tr(es="La tabla se publica ahora, pero se calculó hace 51 s.", en="The table is published now, but it was computed 51 s ago."))
_t_site.server.deploy(_t_site.model("v2"), "v2")
_t_site.ask({"r": "r1"}, "v2:r1", "online", version="v2", what=tr(es="Se ha desplegado v2: lo que calculó v1 ya no vale.", en="v2 has been deployed: what v1 computed no longer holds."))
_t_site.ask({"r": "r2"}, "v2:r2", "online", version="v2", what=tr(es="Se ha desplegado v2: la tabla la calculó v1.", en="v2 has been deployed: v1 computed the table."))
_t_site.server.publish([({"r": "r3"}, 6.0)], "v1", 121)
_t_site.ask({"r": "r3"}, "v2:r3", "online", version="v2", what=tr(es="Con v2 desplegada acaba tarde un trabajo por lotes de v1.", en="With v2 deployed, a batch job of v1 ends late."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_site.server.publish([({"r": "r3"}, 7.0)], "v2", 121)
_t_site.ask({"r": "r3"}, 7.0, "table", 0, version="v2", what=tr(es="Llega la tabla de v2.", en="The table of v2 comes."))
_t_site.server.publish([({"r": "r3"}, 8.0)], "v1", 121)
_t_site.ask({"r": "r3"}, 7.0, "table", 0, version="v2", what=tr(es="Una tabla de v1 no quita la de v2.", en="A table of v1 does not remove that of v2."))
_t_site = _t_Site(ttl_s=60)
_t_site.wait(100)
_t_site.server.publish([({"r": "r1"}, 5.0)], "v1", 30)
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="La tabla se publica ahora, pero se calculó hace 70 s.", en="The table is published now, but it was computed 70 s ago."))
_t_site.wait(10)
_t_site.ask({"r": "r1"}, "v1:r1", "cache", 10, what=tr(es="La tabla ha caducado, pero la caché no.", en="The table has expired, but the cache has not."))
_t_site.wait(50)
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="Edad igual a ttl_s: ya no vale.", en="Age equal to ttl_s: it no longer holds."))
_t_site.server.publish([({"r": "r1"}, 9.0)], "v1", 150)
_t_site.ask({"r": "r1"}, 9.0, "table", 10, what=tr(es="La tabla nueva va antes que la caché.", en="The new table goes before the cache."))
_t_site.wait(45)
_t_site.ask({"r": "r1"}, 9.0, "table", 55)
_t_site.wait(10)
_t_site.ask({"r": "r1"}, "v1:r1", "cache", 55, what=tr(es="La tabla ha caducado, pero la caché no.", en="The table has expired, but the cache has not."))
_t_site.wait(5)
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="Han caducado la tabla y la caché.", en="Table and cache have expired."))
for _t_number in range(3, 6):
    _t_site.server.deploy(_t_site.model(f"v{_t_number}"), f"v{_t_number}")
    _t_site.ask({"r": "r1"}, f"v{_t_number}:r1", "online", version=f"v{_t_number}")
    _t_site.ask({"r": "r1"}, f"v{_t_number}:r1", "cache", version=f"v{_t_number}")
### END HIDDEN TESTS

# %% test="hybrid/errors" points=1 row="31" objective="4.8"
from mlprod import checks

_t_site = _t_Site()
_t_site.broken = True
_t_site.ask({"r": "r1"}, -1.0, "default", what=tr(es="El modelo no contesta.", en="The model does not answer."))
_t_site.broken = False
_t_site.ask({"r": "r1"}, "v1:r1", "online", what=tr(es="El modelo vuelve a contestar: el valor por defecto no era una predicción.", en="The model answers again: the default value was no prediction."))
checks.passed()
### BEGIN HIDDEN TESTS
_t_site = _t_Site(cache_size=2, ttl_s=60)
_t_site.ask({"r": "r1"}, "v1:r1", "online")
_t_site.ask({"r": "r2"}, "v1:r2", "online")
_t_site.broken = True
for _t_r in ("r3", "r4", "r5"):
    _t_site.ask({"r": _t_r}, -1.0, "default", what=tr(es="El modelo no contesta.", en="The model does not answer."))
_t_site.ask({"r": "r1"}, "v1:r1", "cache", what=tr(es="Los fallos no ocupan sitio en la caché.", en="Failures take up no room in the cache."))
_t_site.wait(60)
_t_site.ask({"r": "r1"}, -1.0, "default", what=tr(es="Caducado, y el modelo no contesta.", en="Expired, and the model does not answer."))
_t_site.broken = False
_t_site.ask({"r": "r1"}, "v1:r1", "online")
### END HIDDEN TESTS

# %% test="hybrid/budget" points=1 row="31" objective="4.8"
import random as _t_random

from mlprod import checks

_t_site = _t_Site(cache_size=2)
for _t_turn, (_t_r, _t_source) in enumerate((("r1", "online"), ("r2", "online"), ("r1", "cache"), ("r3", "online"), ("r1", "cache"), ("r2", "online")), 1):
    _t_site.ask(
        {"r": _t_r}, f"v1:{_t_r}", _t_source,
        what=tr(
            es=f"Caben dos: se piden r1, r2, r1, r3, r1 y r2, y al entrar r3 sale r2. Falla la petición {_t_turn}, la de {_t_r}.",
            en=f"There is room for two: r1, r2, r1, r3, r1 and r2 are asked for, and when r3 goes in r2 goes out. Request {_t_turn}, for {_t_r}, fails.",
        ),
    )
checks.passed()
### BEGIN HIDDEN TESTS
def _t_day(seed, keys=400, requests=2500):
    """(seconds until the next, key) of each request: ranks with probability proportional to 1/rank."""
    chance = _t_random.Random(seed)
    ranks = chance.choices(range(keys), [1 / (rank + 1) for rank in range(keys)], k=requests)
    return [(chance.choice([0, 1, 1, 2]), rank) for rank in ranks]


def _t_calls_needed(day, cache_size, ttl_s, head):
    now, calls, stored = 0, 0, {}
    for gap, rank in day:
        now += gap
        if rank < head:
            continue
        if rank in stored and now - stored[rank] < ttl_s:
            when = stored.pop(rank)
        else:
            when, calls = now, calls + 1
            stored.pop(rank, None)
            if len(stored) == cache_size:
                del stored[next(iter(stored))]
        stored[rank] = when
    return calls


for _t_seed, _t_size, _t_ttl, _t_head in [(1, 40, 100_000, 0), (2, 40, 100_000, 20), (3, 100, 900, 0), (4, 1, 100_000, 5)]:
    _t_site, _t_trace = _t_Site(cache_size=_t_size, ttl_s=_t_ttl), _t_day(_t_seed)
    _t_site.server.publish([({"r": f"r{rank}"}, f"v1:r{rank}") for rank in range(_t_head)], "v1", 0)
    for _t_gap, _t_rank in _t_trace:
        _t_site.wait(_t_gap)
        _t_value = checks.plain(_t_site.server.answer({"r": f"r{_t_rank}"}))
        checks.same((_t_value["value"], _t_value["version"]), (f"v1:r{_t_rank}", "v1"), tr(es=f"Valor y versión de r{_t_rank}.", en=f"Value and version of r{_t_rank}."))
    _t_need = _t_calls_needed(_t_trace, _t_size, _t_ttl, _t_head if _t_ttl > 9000 else 0)
    assert _t_site.calls <= 1.02 * _t_need, tr(
        es=f"{len(_t_trace)} peticiones, {_t_head} consultas en la tabla, {_t_size} sitios en la caché: con estas reglas bastan {_t_need} llamadas en línea, y has hecho {_t_site.calls}.",
        en=f"{len(_t_trace)} requests, {_t_head} queries in the table, {_t_size} places in the cache: {_t_need} online calls are enough with these rules, and you made {_t_site.calls}.",
    )
_t_site = _t_Site(cache_size=5)
for _t_number in range(50):
    _t_site.ask({"r": f"r{_t_number}"}, f"v1:r{_t_number}", "online")
_t_site.ask({"r": "r0"}, "v1:r0", "online", what=tr(es="Caben 5 y después de r0 se han pedido otras 49: ya no debería estar en la caché.", en="There is room for 5 and 49 others have been asked for after r0: it should no longer be in the cache."))
### END HIDDEN TESTS

# %% wrong="hybrid" score=0 says_es="Siempre hay una respuesta" says_en="There is always an answer"
# es: Lo que no está en la tabla no existe: 404.
# en: What is not in the table does not exist: 404.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        if key not in self.table:
            raise KeyError(404)
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=3 says_es="Se calculó hace 61" says_en="computed 61 s ago"
# es: Una predicción no caduca: con los mismos datos sale lo mismo.
# en: A prediction does not expire: the same data give the same result.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=4 says_es="no lo hace más nuevo" says_en="does not make it newer"
# es: Lo que se acaba de pedir está fresco.
# en: What has just been asked for is fresh.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                if source == "cache":
                    self.cache[key] = value, now
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=4 says_es="lo que calculó v1 ya no vale" says_en="what v1 computed no longer holds"
# es: Al desplegar se cambia el modelo; lo guardado ya irá caducando.
# en: Deploying changes the model; what is kept will expire by and by.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=4 says_es="la tabla la calculó v1" says_en="v1 computed the table"
# es: Al desplegar se vacía la caché; la tabla no es caché.
# en: Deploying empties the cache; the table is no cache.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.cache = OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=5 says_es="no era una predicción" says_en="was no prediction"
# es: El valor por defecto también se guarda: así no se insiste en un modelo que falla.
# en: The default value is kept, too: that way a failing model is left in peace.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            self.cache[key] = self.default, now
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=4 says_es="a otra hora es otra consulta" says_en="at another hour is another query"
# es: La clave es el restaurante.
# en: The key is the restaurant.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return features.get("r") or tuple(sorted(features.items()))


# %% wrong="hybrid" score=5 says_es="al entrar r3 sale r2" says_en="when r3 goes in r2 goes out"
# es: Cuando no cabe, sale el que entró primero.
# en: When there is no room, the one that went in first goes out.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=4 says_es="La predicción 0.0" says_en="The prediction 0.0"
# es: Si lo guardado no es cierto, es que no está.
# en: If what is kept is not true, it is not there.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and stored[key][0] and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% wrong="hybrid" score=4 says_es="que se parecen" says_en="look alike"
# es: La clave son los valores, uno tras otro.
# en: The key is the values, one after another.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] < self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return "".join(str(value) for _, value in sorted(features.items()))


# %% wrong="hybrid" score=3 says_es="solo se usa un valor de edad menor" says_en="only a value of lesser age is used"
# es: Un valor vale hasta que su edad llega a ttl_s, incluido ese instante.
# en: A value holds until its age reaches ttl_s, that instant included.
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.table, self.cache = {}, OrderedDict()
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.cache = {}, OrderedDict()

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {self.key(features): (value, computed_s) for features, value in rows}

    def answer(self, features):
        key, now = self.key(features), self.clock.now()
        for source, stored in (("table", self.table), ("cache", self.cache)):
            if key in stored and now - stored[key][1] <= self.ttl_s:
                if source == "cache":
                    self.cache.move_to_end(key)
                value, computed_s = stored[key]
                return {"value": value, "source": source, "version": self.version, "age_s": now - computed_s}
        try:
            value = self.predict(features)
        except Exception:
            return {"value": self.default, "source": "default", "version": self.version, "age_s": 0}
        self.cache[key] = value, now
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)
        return {"value": value, "source": "online", "version": self.version, "age_s": 0}

    def key(self, features):
        return tuple(sorted(features.items()))


# %% right="hybrid"
# es: versión y hora van con cada valor, y la clave es JSON con los nombres ordenados
# en: version and time go with each value, and the key is JSON with sorted names
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.room, self.ttl_s, self.fallback = clock, cache_size, ttl_s, default
        self.model, self.version = predict, version
        self.batch, self.recent = {}, []

    def deploy(self, predict, version):
        self.model, self.version = predict, version

    def publish(self, rows, version, computed_s):
        if version != self.version:
            return
        self.batch = {json.dumps(f, sort_keys=True): (v, version, computed_s) for f, v in rows}

    def _say(self, value, source, age):
        return dict(value=value, source=source, version=self.version, age_s=age)

    def _good(self, entry):
        return entry is not None and entry[1] == self.version and self.clock.now() - entry[2] < self.ttl_s

    def answer(self, features):
        key, now = json.dumps(features, sort_keys=True), self.clock.now()
        entry = self.batch.get(key)
        if self._good(entry):
            return self._say(entry[0], "table", now - entry[2])
        self.recent = [(name, kept) for name, kept in self.recent if self._good(kept)]
        kept = dict(self.recent).get(key)
        if kept is None:
            try:
                kept, source = (self.model(features), self.version, now), "online"
            except Exception:
                return self._say(self.fallback, "default", 0)
        else:
            source = "cache"
        self.recent = [one for one in self.recent if one[0] != key] + [(key, kept)]
        self.recent = self.recent[-self.room :]
        return self._say(kept[0], source, now - kept[2])

# %% right="hybrid"
# es: la clave es un conjunto de pares, y cada petición a la caché lleva un número: sale la del menor
# en: the key is a set of pairs, and each request to the cache has a number: the one with the smallest goes out
class Hybrid:
    def __init__(self, clock, predict, version, cache_size, ttl_s, default):
        self.clock, self.cache_size, self.ttl_s, self.default = clock, cache_size, ttl_s, default
        self.turn = 0
        self.deploy(predict, version)

    def deploy(self, predict, version):
        self.predict, self.version = predict, version
        self.table, self.computed_s, self.cache, self.last = {}, None, {}, {}

    def publish(self, rows, version, computed_s):
        if version == self.version:
            self.table = {frozenset(features.items()): value for features, value in rows}
            self.computed_s = computed_s

    def answer(self, features):
        query, now = frozenset(features.items()), self.clock.now()
        said = {"version": self.version}
        if query in self.table and now - self.computed_s < self.ttl_s:
            return said | {"value": self.table[query], "source": "table", "age_s": now - self.computed_s}
        self.turn += 1
        if query in self.cache and now - self.cache[query][1] < self.ttl_s:
            self.last[query] = self.turn
            return said | {"value": self.cache[query][0], "source": "cache", "age_s": now - self.cache[query][1]}
        try:
            value = self.predict(dict(features))
        except Exception:
            return said | {"value": self.default, "source": "default", "age_s": 0.0}
        if query not in self.cache and len(self.cache) >= self.cache_size:
            oldest = min(self.last, key=self.last.get)
            del self.cache[oldest], self.last[oldest]
        self.cache[query], self.last[query] = (value, now), self.turn
        return said | {"value": value, "source": "online", "age_s": 0}
# %% [markdown] lang="es" row="32"
# ## 7. Dos etapas (5 puntos)
#
# Cada noche se puntúan por lotes todos los restaurantes para cada usuario; al abrir la aplicación, un modelo en línea, más caro, que sabe lo que el usuario acaba de mirar, vuelve a ordenar **solo los mejores**. Escribe dos funciones:
#
# - `ndcg(ranking, relevance, k)` mide un orden. `ranking` es una lista de artículos distintos; `relevance`, un diccionario con la relevancia (0 o más) de todos los que la tienen: los demás valen 0. El artículo del puesto $i$ (el primero es el 1) aporta $\mathrm{rel}_i / \log_2(i + 1)$; el
#   DCG suma los $k$ primeros puestos, o los que haya, y el NDCG lo divide entre el del mejor orden posible de **todos** los artículos de `relevance`, hasta el puesto $k$. Si ese es 0, el NDCG es 1;
# - `recommend(user, events, now_s, batch, score, shortlist, shown)` devuelve la lista, en orden, de los `shown` artículos que verá el usuario:
#     - `batch[user]` es una lista de pares `(item, batch_score)`, en cualquier orden, calculada por la noche. De un usuario nuevo, que no está en `batch`, se usa `batch["everyone"]`, que está siempre;
#     - la primera etapa se queda con los `shortlist` de mayor `batch_score`. La segunda llama a `score(item, session)` una vez por cada uno de ellos, y por ninguno más, y los ordena de mayor a menor. En la primera, los empates se resuelven por el orden de la lista; en la segunda, por `batch_score` y, si también empata, por el orden de la lista;
#     - `session` es la lista de los eventos **hasta** `now_s` (incluido), en orden de tiempo. `events` trae los de este usuario en un día entero, sin ordenar: `{"at_s": 120, "item": "sushi"}`; ninguno comparte instante. Lo que pasó después de `now_s`, en ese momento no se sabía;
#     - si `score` lanza una excepción con cualquiera de los artículos, se devuelven los primeros de la primera etapa en su orden de la noche: peor, pero a tiempo;
#     - `shortlist` es al menos `shown`. Si el usuario tiene menos artículos, se usan los que hay.
# %% [markdown] lang="en" row="32"
# ## 7. Two stages (5 points)
#
# Every night all restaurants are scored in batch for each user; when the application is opened, a more expensive online model, which knows what the user has just looked at, orders **only the best ones** again. Write two functions:
#
# - `ndcg(ranking, relevance, k)` measures an order. `ranking` is a list of distinct items; `relevance` is a dict with the relevance (0 or more) of all that have one: the others are worth 0. The item at place $i$ (the first is 1) contributes $\mathrm{rel}_i / \log_2(i + 1)$; the
#   DCG adds up the first $k$ places, or as many as there are, and the NDCG divides it by that of the best possible order of **all** the items of `relevance`, down to place $k$. If that is 0, the NDCG is 1;
# - `recommend(user, events, now_s, batch, score, shortlist, shown)` returns the list, in order, of the `shown` items that the user will see:
#     - `batch[user]` is a list of pairs `(item, batch_score)`, in any order, computed at night. For a new user, who is not in `batch`, `batch["everyone"]` is used, which is always there;
#     - the first stage keeps the `shortlist` items of greatest `batch_score`. The second calls `score(item, session)` once for each of them, and for no other, and orders them from greatest to smallest. In the first, ties are settled by the order of the list; in the second, by `batch_score` and, if that ties, too, by the order of the list;
#     - `session` is the list of the events **up to** `now_s` (included), in order of time. `events` has those of this user in a whole day, without order: `{"at_s": 120, "item": "sushi"}`; no two share an instant. What happened after `now_s` was not known at that moment;
#     - if `score` raises an exception for any of the items, the first ones of the first stage are returned in their order of the night: worse, but on time;
#     - `shortlist` is at least `shown`. If the user has fewer items, those available are used.

# %% answer="recommend"
def ndcg(ranking, relevance, k):
    ### BEGIN SOLUTION
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0
    ### END SOLUTION


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ### BEGIN SOLUTION
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    try:
        scores = {item: score(item, session) for item in candidates}
    except Exception:
        return candidates[:shown]
    # es: sorted conserva el orden de los que empatan: el de la primera etapa
    # en: sorted keeps the order of those that tie: that of the first stage
    return sorted(candidates, key=scores.get, reverse=True)[:shown]
    ### END SOLUTION

# %% test="recommend/ndcg" points=1 row="32" objective="4.9"
import random as _t_random

from mlprod import checks


### BEGIN HIDDEN TESTS
def _t_right_ndcg(ranking, relevance, k):
    gains = [relevance.get(item, 0) for item in ranking][:k]
    best = sorted(relevance.values())[::-1][:k]
    weigh = [1 / math.log2(place + 2) for place in range(k)]
    ideal = sum(gain * weight for gain, weight in zip(best, weigh, strict=False))
    return sum(gain * weight for gain, weight in zip(gains, weigh, strict=False)) / ideal if ideal > 0 else 1.0
### END HIDDEN TESTS

def _t_ndcg(ranking, relevance, k):
    try:
        return ndcg(list(ranking), dict(relevance), k)
    except KeyError as error:
        raise AssertionError(
            tr(es=f"ndcg({ranking}, {relevance}, {k}) busca {error} en relevance y no está: los artículos que no están valen 0.", en=f"ndcg({ranking}, {relevance}, {k}) looks for {error} in relevance and it is not there: items that are not there are worth 0.")
        ) from None


checks.same(_t_ndcg(["a", "b", "c"], {"a": 3, "b": 2, "c": 1}, 3), 1.0, tr(es="El orden perfecto.", en="The perfect order."))
checks.same(_t_ndcg(["x", "a"], {"a": 1}, 2), 1 / math.log2(3), tr(es="El único artículo relevante, en el segundo puesto.", en="The only relevant item, at the second place."))
checks.same(_t_ndcg(["a"], {"a": 1, "b": 1}, 2), 1 / (1 + 1 / math.log2(3)), tr(es="Falta en el orden un artículo relevante: el mejor orden posible lo tendría.", en="A relevant item is missing from the order: the best possible order would have it."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(100):
    _t_chance = _t_random.Random(_t_seed)
    _t_items = [f"i{n}" for n in range(_t_chance.choice([1, 4, 12]))]
    _t_relevance = {item: _t_chance.choice([0, 0, 1, 2, 5]) for item in _t_items if _t_chance.random() < 0.8}
    _t_ranking = _t_chance.sample(_t_items, _t_chance.randrange(0, len(_t_items) + 1)) + ["other"] * (_t_seed % 2)
    _t_k = _t_chance.choice([1, 3, 10, 20])
    checks.same(_t_ndcg(_t_ranking, _t_relevance, _t_k), _t_right_ndcg(_t_ranking, _t_relevance, _t_k), f"ndcg({_t_ranking}, {_t_relevance}, {_t_k})")
### END HIDDEN TESTS

# %% test="recommend/order" points=2 row="32" objective="4.9"
import random as _t_random

from mlprod import checks


def _t_model(item, session):
    """What the user looked at last counts most; an item that was not looked at gets nothing."""
    return sum(place for place, event in enumerate(session, 1) if event["item"] == item)


### BEGIN HIDDEN TESTS
def _t_case(seed):
    chance = _t_random.Random(seed)
    items = [f"i{n}" for n in range(chance.choice([3, 10, 40]))]
    batch = {user: [(item, chance.randrange(8) / 8) for item in chance.sample(items, len(items))] for user in ("ana", "eva", "everyone")}
    events = [{"at_s": at, "item": chance.choice(items)} for at in chance.sample(range(1000), chance.choice([0, 3, 40]))]
    shown = chance.choice([1, 3, 5])
    return chance.choice(["ana", "eva", "luis"]), events, chance.randrange(1000), batch, shown + chance.choice([0, 2, 10, 100]), shown


def _t_right(user, events, now_s, batch, shortlist, shown):
    pairs = batch.get(user) or batch["everyone"]
    first = sorted(range(len(pairs)), key=lambda place: (-pairs[place][1], place))[:shortlist]
    session = [event for _, event in sorted((event["at_s"], event) for event in events if event["at_s"] <= now_s)] if events else []
    return [pairs[place][0] for place in sorted(first, key=lambda place: (-_t_model(pairs[place][0], session), -pairs[place][1], place))][:shown], [pairs[place][0] for place in first]
### END HIDDEN TESTS


def _t_served(user, events, now_s, batch, shortlist, shown, fails_on=None, score=_t_model):
    """(what is shown, the items scored online)."""
    scored, late, times = [], [], []

    def counted(item, session):
        scored.append(item)
        late.extend(event for event in session if event["at_s"] > now_s)
        times.append([event["at_s"] for event in session])
        if item == fails_on:
            raise TimeoutError("the online model does not answer")
        return score(item, session)

    try:
        got = recommend(user, [dict(event) for event in events], now_s, {name: list(pairs) for name, pairs in batch.items()}, counted, shortlist, shown)
    except TimeoutError:
        raise AssertionError(tr(es="El modelo en línea no contesta, y recommend tampoco: el orden de la noche sigue ahí.", en="The online model does not answer, and neither does recommend: the order of the night is still there.")) from None
    except KeyError as error:
        raise AssertionError(
            tr(es=f"recommend busca {error} y no lo encuentra; en batch hay: {', '.join(sorted(batch))}. Un usuario nuevo no está en batch.", en=f"recommend looks for {error} and does not find it; batch has: {', '.join(sorted(batch))}. A new user is not in batch.")
        ) from None
    assert not late, tr(
        es=f"A los {now_s} s, score recibe el evento {late and late[0]}, que aún no ha ocurrido: en la prueba sale muy bien, y en producción no se puede.",
        en=f"At {now_s} s, score gets the event {late and late[0]}, which has not happened yet: it does very well in the test, and cannot be done in production.",
    )
    for session in times:
        assert session == sorted(session), tr(es=f"session va en orden de tiempo, y han llegado los instantes {session}.", en=f"session goes in order of time, and the instants {session} came.")
    got = checks.plain(got, tr(es="Lo que devuelve recommend.", en="What recommend returns."))
    room = min(shown, len(batch.get(user, batch["everyone"])))
    assert isinstance(got, list) and len(got) == room, tr(
        es=f"recommend devuelve una lista de {room} artículos (shown={shown}, shortlist={shortlist}), y ha devuelto {got!r}.", en=f"recommend returns a list of {room} items (shown={shown}, shortlist={shortlist}), and it returned {got!r}."
    )
    return got, scored


_t_BATCH = {"ana": [("tapas", 0.2), ("sushi", 0.9), ("pizza", 0.7), ("ramen", 0.5)], "everyone": [("pizza", 0.6), ("kebab", 0.8)]}
_t_EVENTS = [{"at_s": 300, "item": "sushi"}, {"at_s": 100, "item": "ramen"}, {"at_s": 50, "item": "pizza"}]
checks.same(
    _t_served("ana", [], 0, _t_BATCH, 3, 3)[0], ["sushi", "pizza", "ramen"],
    tr(es="Todavía no ha mirado nada, así que en línea empatan todos: vale el orden de batch_score.", en="Nothing has been looked at yet, so all tie online: the order of batch_score holds."),
)
checks.same(
    _t_served("ana", _t_EVENTS, 200, _t_BATCH, 3, 2)[0], ["ramen", "pizza"],
    tr(es="A los 200 s ana ha mirado pizza y, lo último, ramen: el orden de la noche ya no es el mejor.", en="At 200 s ana has looked at pizza and, last of all, ramen: the order of the night is no longer the best."),
)
checks.same(_t_served("luis", [], 0, _t_BATCH, 2, 2)[0], ["kebab", "pizza"], tr(es="luis es nuevo.", en="luis is new."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(120):
    _t_arguments = _t_case(_t_seed)
    _t_user, _t_events, _t_now, _, _t_shortlist, _t_shown = _t_arguments
    checks.same(_t_served(*_t_arguments)[0], _t_right(*_t_arguments)[0], tr(es=f"{len(_t_arguments[3]['ana'])} artículos, {len(_t_events)} eventos, usuario {_t_user}, {_t_shortlist} candidatos y {_t_shown} a la vista.", en=f"{len(_t_arguments[3]['ana'])} items, {len(_t_events)} events, user {_t_user}, {_t_shortlist} candidates and {_t_shown} shown."))
checks.same(_t_served("ana", [{"at_s": 200, "item": "ramen"}], 200, _t_BATCH, 3, 1)[0], ["ramen"], tr(es="El evento de ese mismo instante ya ha ocurrido.", en="The event of that very instant has happened already."))
### END HIDDEN TESTS

# %% test="recommend/cost" points=1 row="32" objective="4.9"
import random as _t_random

from mlprod import checks

_, _t_scored = _t_served("ana", _t_EVENTS, 200, _t_BATCH, 3, 2)
checks.same(sorted(_t_scored), ["pizza", "ramen", "sushi"], tr(es="Artículos puntuados en línea, de los cuatro que hay, con shortlist=3: cada llamada cuesta.", en="Items scored online, of the four that there are, with shortlist=3: each call costs."), observed=True)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(200, 260):
    _t_arguments = _t_case(_t_seed)
    checks.same(sorted(_t_served(*_t_arguments)[1]), sorted(_t_right(*_t_arguments)[1]), tr(es=f"Artículos puntuados en línea con shortlist={_t_arguments[4]}.", en=f"Items scored online with shortlist={_t_arguments[4]}."), observed=True)

# quality against cost: taste is what the night knew plus what the session says
_t_chance, _t_quality, _t_calls = _t_random.Random(5), Counter(), Counter()
_t_items = [f"i{n}" for n in range(200)]
for _t_visit in range(30):
    _t_night = {item: _t_chance.random() for item in _t_items}
    _t_now_wants = {item: _t_chance.random() for item in _t_items}
    _t_truth = {item: (_t_night[item] + 0.6 * _t_now_wants[item]) ** 6 for item in _t_items}
    for _t_size in (10, 40, 200):
        _t_got, _t_scored = _t_served("ana", [], 0, {"ana": list(_t_night.items()), "everyone": []}, _t_size, 10, score=lambda item, session, truth=_t_truth: truth[item])
        _t_quality[_t_size] += _t_right_ndcg(_t_got, _t_truth, 10) / 30
        _t_calls[_t_size] += len(_t_scored) / 30
assert _t_quality[40] > _t_quality[10] + 0.01 and _t_quality[40] > 0.9 * _t_quality[200] and _t_calls[40] == 40, tr(
    es=f"NDCG@10 y llamadas por visita, con 10, 40 y 200 candidatos: {dict(_t_quality)}, {dict(_t_calls)}. Con dos etapas debería haber casi la calidad de puntuarlo todo en línea, con la quinta parte de las llamadas.",
    en=f"NDCG@10 and calls per visit, with 10, 40 and 200 candidates: {dict(_t_quality)}, {dict(_t_calls)}. Two stages should give almost the quality of scoring everything online, with a fifth of the calls.",
)
### END HIDDEN TESTS

# %% test="recommend/fallback" points=1 row="32" objective="4.9"
from mlprod import checks

checks.same(
    _t_served("ana", _t_EVENTS, 200, _t_BATCH, 3, 2, fails_on="ramen")[0], ["sushi", "pizza"],
    tr(es="El modelo en línea falla con ramen: se muestra el orden de la noche.", en="The online model fails on ramen: the order of the night is shown."),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(300, 340):
    _t_arguments = _t_case(_t_seed)
    _t_candidates = _t_right(*_t_arguments)[1]
    for _t_bad in (_t_candidates[0], _t_candidates[-1]):
        checks.same(_t_served(*_t_arguments, fails_on=_t_bad)[0], _t_candidates[: _t_arguments[5]], tr(es=f"El modelo en línea falla con {_t_bad}.", en=f"The online model fails on {_t_bad}."))
### END HIDDEN TESTS

# %% wrong="recommend" score=2 says_es="cada llamada cuesta" says_en="each call costs"
# es: Cuantos más se puntúen en línea mejor será el orden: se puntúan todos.
# en: The more are scored online the better the order: all are scored.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    try:
        scores = {item: score(item, session) for item in candidates}
    except Exception:
        return candidates[:shown]
    return sorted(candidates, key=scores.get, reverse=True)[:shown]


# %% wrong="recommend" score=2 says_es="ya no es el mejor" says_en="no longer the best"
# es: Híbrido es caché: se sirve lo calculado por la noche.
# en: Hybrid means cache: what was computed at night is served.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    try:
        scores = {item: score(item, session) for item in candidates}
    except Exception:
        return candidates[:shown]
    return candidates[:shown]


# %% wrong="recommend" score=1 says_es="aún no ha ocurrido" says_en="has not happened yet"
# es: La sesión es todo lo que el usuario hizo ese día.
# en: The session is all that the user did that day.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted(events, key=lambda event: event["at_s"])
    try:
        scores = {item: score(item, session) for item in candidates}
    except Exception:
        return candidates[:shown]
    return sorted(candidates, key=scores.get, reverse=True)[:shown]


# %% wrong="recommend" score=4 says_es="orden de la noche sigue ahí" says_en="order of the night is still there"
# es: Si el modelo en línea falla, no hay recomendación que dar.
# en: If the online model fails there is no recommendation to give.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    scores = {item: score(item, session) for item in candidates}
    return sorted(candidates, key=scores.get, reverse=True)[:shown]


# %% wrong="recommend" score=4 says_es="el mejor orden posible lo tendría" says_en="the best possible order would have it"
# es: El mejor orden posible es el de los artículos que se han mostrado.
# en: The best possible order is that of the items that were shown.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted((relevance.get(item, 0) for item in ranking), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    try:
        scores = {item: score(item, session) for item in candidates}
    except Exception:
        return candidates[:shown]
    return sorted(candidates, key=scores.get, reverse=True)[:shown]


# %% wrong="recommend" score=4 says_es="se muestra el orden de la noche" says_en="the order of the night is shown"
# es: Al artículo que falla se le da un cero, y los demás se ordenan.
# en: The item that fails gets a zero, and the others are ordered.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = sorted(batch.get(user, batch["everyone"]), key=lambda pair: pair[1], reverse=True)
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    scores = dict.fromkeys(candidates, 0)
    for item in candidates:
        try:
            scores[item] = score(item, session)
        except TimeoutError:
            pass
    return sorted(candidates, key=scores.get, reverse=True)[:shown]


# %% wrong="recommend" score=1 says_es="así que en línea empatan todos" says_en="so all tie online"
# es: batch ya viene ordenado: se cogen los primeros.
# en: batch comes in order already: the first ones are taken.
def ndcg(ranking, relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], 1))

    best = dcg(sorted(relevance.values(), reverse=True))
    return dcg([relevance.get(item, 0) for item in ranking]) / best if best else 1.0


def recommend(user, events, now_s, batch, score, shortlist, shown):
    ranked = batch.get(user, batch["everyone"])
    candidates = [item for item, _ in ranked[:shortlist]]
    session = sorted((event for event in events if event["at_s"] <= now_s), key=lambda event: event["at_s"])
    try:
        scores = {item: score(item, session) for item in candidates}
    except Exception:
        return candidates[:shown]
    return sorted(candidates, key=scores.get, reverse=True)[:shown]


# %% right="recommend"
# es: con numpy, y con claves que llevan todos los criterios
# en: with numpy, and with keys that carry all the criteria
def ndcg(ranking, relevance, k):
    import numpy as np

    gains = np.array([relevance.get(item, 0.0) for item in ranking[:k]])
    ideal = np.sort(np.array(list(relevance.values()), dtype=float))[::-1][:k]
    weight = 1 / np.log2(np.arange(k) + 2)
    best = ideal @ weight[: len(ideal)]
    return gains @ weight[: len(gains)] / best if best > 0 else 1


def recommend(user, events, now_s, batch, score, shortlist, shown):
    pairs = batch[user if user in batch else "everyone"]
    best = heapq.nsmallest(shortlist, ((-value, place, item) for place, (item, value) in enumerate(pairs)))
    known = [event for event in events if not event["at_s"] > now_s]
    known.sort(key=lambda event: event["at_s"])
    try:
        again = [(-score(item, known), value, place, item) for value, place, item in best]
    except Exception:
        again = [(0, value, place, item) for value, place, item in best]
    return tuple(item for *_, item in sorted(again)[:shown])

# %% [markdown] lang="es" row="28 29"
# ## 8. Lo que cuesta cada modo (4 puntos)
#
# Con el registro de un servidor híbrido se puede calcular lo que dan y lo que cuestan los dos modos, y qué consultas merece la pena precalcular. Escribe dos funciones:
#
# - `mode_metrics(rows, requests, batch_eur, online_eur)`. `rows` son las predicciones que han hecho los trabajos por lotes: `{"key": "r1", "computed_s": 0, "published_s": 600}`; una misma clave se recalcula en cada trabajo. `requests` son las peticiones: `{"key": "r1", "at_s": 900}`, al menos una. Cada
#   petición usa la fila de su clave **publicada más recientemente** entre las que ya están publicadas en ese momento (`published_s <= at_s`; no hay dos filas de una clave con el mismo `published_s`); si no hay ninguna, se calcula en línea. Devuelve un diccionario:
#     - `"coverage"`: la fracción de las peticiones que ha respondido una fila;
#     - `"waste"`: la fracción de las filas calculadas que nadie ha usado (0 si no hay filas). Se cuentan filas, no claves: lo que se recalculó sin que nadie lo usara también costó;
#     - `"staleness_s"`: la edad media de las filas en el momento en que se usan, que empieza a contar cuando **se calcularon** (`None` si no se usó ninguna);
#     - `"eur"`: `batch_eur` por fila calculada y `online_eur` por petición que no encontró fila.
# - `head_plan(counts, runs, batch_eur, online_eur, capacity)` decide qué precalcular mañana. `counts` es un diccionario: cuántas peticiones se esperan de cada clave en el día. Cada clave precalculada se recalcula en los `runs` trabajos del día, y todas sus peticiones las responde la tabla; en la tabla caben como
#   mucho `capacity` claves. Devuelve un diccionario con `"keys"`, el conjunto de claves que hace **mínimo el coste** total del día (si una cuesta igual precalculada que en línea, no se precalcula); `"coverage"`, la fracción de las peticiones que cubren (0 si no se espera ninguna petición), y `"eur"`, el coste.
#   Las pruebas no hacen elegir entre claves con las mismas peticiones cuando no caben todas, y sus precios (0.5, 0.125…) son exactos en coma flotante: no hay que redondear para ver si dos costes son iguales.
# %% [markdown] lang="en" row="28 29"
# ## 8. What each mode costs (4 points)
#
# The log of a hybrid server tells what the two modes give and cost, and which queries are worth computing beforehand. Write two functions:
#
# - `mode_metrics(rows, requests, batch_eur, online_eur)`. `rows` are the predictions that the batch jobs have made: `{"key": "r1", "computed_s": 0, "published_s": 600}`; one key is computed again in each job. `requests` are the requests: `{"key": "r1", "at_s": 900}`, at least one. Each
#   request uses the row of its key that was **published most recently** among those already published at that moment (`published_s <= at_s`; no two rows of a key have the same `published_s`); if there is none, it is computed online. It returns a dict:
#     - `"coverage"`: the fraction of the requests that a row answered;
#     - `"waste"`: the fraction of the computed rows that nobody used (0 if there are no rows). Rows are counted, not keys: what was computed again without anybody using it cost something, too;
#     - `"staleness_s"`: the mean age of the rows at the moment of their use, which counts from when they **were computed** (`None` if none was used);
#     - `"eur"`: `batch_eur` per row computed and `online_eur` per request that found no row.
# - `head_plan(counts, runs, batch_eur, online_eur, capacity)` decides what to compute beforehand tomorrow. `counts` is a dict: how many requests are expected for each key during the day. Each precomputed key is computed again in the `runs` jobs of the day, and the table answers all of its requests; the table holds at
#   most `capacity` keys. It returns a dict with `"keys"`, the set of keys that makes the total **cost of the day smallest** (if one costs the same precomputed as online, it is not precomputed); `"coverage"`, the fraction of the requests that they cover (0 if no request is expected), and `"eur"`, the cost.
#   The tests do not make you choose between keys with equal requests when not all of them fit, and their prices (0.5, 0.125…) are exact as floats: no rounding is needed to see whether two costs are equal.

# %% answer="mode_metrics"
def mode_metrics(rows, requests, batch_eur, online_eur):
    ### BEGIN SOLUTION
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(used) / len(rows) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }
    ### END SOLUTION


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    ### BEGIN SOLUTION
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > runs * batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }
    ### END SOLUTION

# %% test="mode_metrics/log" points=2 row="28" objective="4.5"
import random as _t_random

from mlprod import checks


def _t_check_metrics(rows, requests, batch_eur, online_eur, want, what):
    got = checks.plain(
        mode_metrics([dict(zip(("key", "computed_s", "published_s"), row, strict=True)) for row in rows], [dict(zip(("key", "at_s"), one, strict=True)) for one in requests], batch_eur, online_eur),
        tr(es="Lo que devuelve mode_metrics.", en="What mode_metrics returns."),
    )
    assert isinstance(got, dict), tr(es=f"mode_metrics devuelve un diccionario, y ha devuelto {got!r}.", en=f"mode_metrics returns a dict, and it returned {got!r}.")
    checks.same(set(got), set(want), tr(es="Claves del diccionario.", en="Keys of the dict."))
    why = {
        "coverage": tr(es="peticiones que ha respondido una fila, entre peticiones", en="requests that a row answered, over requests"),
        "waste": tr(es="filas que nadie usó, entre filas; no tiene que ver con las peticiones sin fila", en="rows that nobody used, over rows; it has nothing to do with requests without a row"),
        "staleness_s": tr(es="la edad cuenta desde que se calculó la fila", en="age counts from when the row was computed"),
        "eur": tr(es="todas las filas cuestan, y las peticiones sin fila", en="all rows cost, and so do requests without a row"),
    }
    for name, value in want.items():
        checks.same(got[name], value, f"{what} {name}: {why[name]}.")


_t_check_metrics(
    [("r1", 0, 600), ("r1", 3600, 4200), ("r2", 0, 600)], [("r1", 900), ("r1", 3900), ("r3", 5000), ("r4", 5000)], 0.25, 1.0,
    {"coverage": 0.5, "waste": 2 / 3, "staleness_s": 2400.0, "eur": 2.75},
    tr(es="Tres filas, dos de r1; a los 3900 s la segunda se está calculando, pero no se ha publicado.", en="Three rows, two of r1; at 3900 s the second is being computed, but is not published."),
)
_t_check_metrics(
    [("r1", 0, 600), ("r1", 3600, 4200), ("r2", 0, 600)], [("r1", 900), ("r1", 5000)], 0.25, 1.0,
    {"coverage": 1.0, "waste": 1 / 3, "staleness_s": 1150.0, "eur": 0.75},
    tr(es="Las dos filas de r1 se usan, cada una en una petición; la de r2, no.", en="Both rows of r1 are used, each by one request; that of r2 is not."),
)
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(80):
    _t_chance = _t_random.Random(_t_seed)
    _t_keys = [f"r{n}" for n in range(_t_chance.choice([1, 5, 30]))]
    _t_rows = []
    for _t_run in range(_t_chance.choice([0, 1, 4])):
        for _t_key in _t_chance.sample(_t_keys, _t_chance.randrange(len(_t_keys) + 1)):
            _t_rows.append((_t_key, 1000 * _t_run + _t_chance.randrange(300), 1000 * _t_run + _t_chance.choice([300, 700])))
    _t_chance.shuffle(_t_rows)
    _t_asked = [(_t_chance.choice([*_t_keys, "other"]), _t_chance.choice([300, 700, 1300, _t_chance.randrange(5000)])) for _ in range(_t_chance.choice([1, 20, 100]))]
    _t_found = []
    for _t_key, _t_at in _t_asked:
        _t_candidates = sorted((published, number) for number, (name, _, published) in enumerate(_t_rows) if name == _t_key and published <= _t_at)
        _t_found.append(_t_candidates[-1][1] if _t_candidates else None)
    _t_hits = [(number, at - _t_rows[number][1]) for number, (_, at) in zip(_t_found, _t_asked, strict=True) if number is not None]
    _t_check_metrics(
        _t_rows, _t_asked, 0.125, 2.0,
        {
            "coverage": len(_t_hits) / len(_t_asked),
            "waste": (len(_t_rows) - len({number for number, _ in _t_hits})) / len(_t_rows) if _t_rows else 0,
            "staleness_s": sum(age for _, age in _t_hits) / len(_t_hits) if _t_hits else None,
            "eur": 0.125 * len(_t_rows) + 2.0 * (len(_t_asked) - len(_t_hits)),
        },
        tr(es=f"{len(_t_rows)} filas y {len(_t_asked)} peticiones.", en=f"{len(_t_rows)} rows and {len(_t_asked)} requests."),
    )
### END HIDDEN TESTS

# %% test="mode_metrics/plan" points=2 row="29" objective="4.6"
import random as _t_random

from mlprod import checks


def _t_check_plan(arguments, want, what):
    got = checks.plain(head_plan(dict(arguments[0]), *arguments[1:]), tr(es="Lo que devuelve head_plan.", en="What head_plan returns."))
    assert isinstance(got, dict), tr(es=f"head_plan devuelve un diccionario, y ha devuelto {got!r}.", en=f"head_plan returns a dict, and it returned {got!r}.")
    checks.same(set(got), {"keys", "coverage", "eur"}, tr(es="Claves del diccionario.", en="Keys of the dict."))
    for name in ("keys", "coverage", "eur"):
        checks.same(got[name], want[name], f"{what} {name}:")


_t_counts = {"tapas": 2, "sushi": 100, "pizza": 40, "ramen": 3, "kebab": 6}
_t_check_plan(
    (_t_counts, 6, 0.5, 1.0, 10), {"keys": {"sushi", "pizza", "kebab"}, "coverage": 146 / 151, "eur": 3 * 6 * 0.5 + 5.0},
    tr(es="Seis trabajos al día a 0.5 € por predicción, y 1 € por llamada en línea. ramen cuesta 3 € de las dos maneras, y tapas, más por lotes.", en="Six jobs a day at 0.5 € per prediction, and 1 € per online call. ramen costs 3 € either way, and tapas more in batch."),
)
_t_check_plan((_t_counts, 6, 0.5, 1.0, 1), {"keys": {"sushi"}, "coverage": 100 / 151, "eur": 3.0 + 51.0}, tr(es="Lo mismo, pero cabe una clave.", en="The same, but there is room for one key."))
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(100):
    _t_chance = _t_random.Random(_t_seed)
    _t_size = _t_chance.choice([1, 10, 300])
    _t_counts = {f"r{n}": count for n, count in enumerate(_t_chance.sample(range(2000), _t_size))}
    _t_runs, _t_batch, _t_online = _t_chance.choice([1, 6, 24]), _t_chance.choice([0.125, 1.0, 8.0]), _t_chance.choice([0.25, 1.0])
    _t_capacity = _t_chance.choice([0, 1, 5, 1000])
    _t_gain = sorted(((count * _t_online - _t_runs * _t_batch, key) for key, count in _t_counts.items()), reverse=True)[:_t_capacity]
    _t_chosen = {key for gain, key in _t_gain if gain > 0}
    _t_total = sum(_t_counts.values())
    _t_covered = sum(_t_counts[key] for key in _t_chosen)
    _t_check_plan(
        (_t_counts, _t_runs, _t_batch, _t_online, _t_capacity),
        {"keys": _t_chosen, "coverage": _t_covered / _t_total if _t_total else 0, "eur": len(_t_chosen) * _t_runs * _t_batch + (_t_total - _t_covered) * _t_online},
        tr(es=f"{_t_size} claves, {_t_runs} trabajos al día, {_t_batch} € por lotes y {_t_online} € en línea, caben {_t_capacity}.", en=f"{_t_size} keys, {_t_runs} jobs a day, {_t_batch} € in batch and {_t_online} € online, room for {_t_capacity}."),
    )
_t_check_plan(({}, 6, 0.5, 1.0, 10), {"keys": set(), "coverage": 0, "eur": 0}, tr(es="No se espera ninguna petición.", en="No request is expected."))
_t_check_plan(({"r": 0}, 6, 0.5, 1.0, 10), {"keys": set(), "coverage": 0, "eur": 0}, tr(es="No se espera ninguna petición.", en="No request is expected."))
### END HIDDEN TESTS

# %% wrong="mode_metrics" score=2 says_es="no tiene que ver con las peticiones sin fila" says_en="nothing to do with requests without a row"
# es: Lo desperdiciado son los fallos: las peticiones que no encuentran fila.
# en: What is wasted is the misses: requests that find no row.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(ages) / len(requests),
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > runs * batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }


# %% wrong="mode_metrics" score=2 says_es="cuenta desde que se calculó" says_en="counts from when the row was computed"
# es: Una predicción empieza a envejecer cuando se publica.
# en: A prediction begins to age when it is published.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["published_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(used) / len(rows) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > runs * batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }


# %% wrong="mode_metrics" score=2 says_es="filas que nadie usó" says_en="rows that nobody used"
# es: Se desperdician las claves que nadie pide.
# en: What is wasted is the keys that nobody asks for.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len({rows[n]["key"] for n in used}) / len({row["key"] for row in rows}) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > runs * batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }


# %% wrong="mode_metrics" score=2 says_es="no se ha publicado" says_en="is not published"
# es: Una fila se puede usar en cuanto está calculada.
# en: A row can be used as soon as it is computed.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["computed_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(used) / len(rows) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > runs * batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }


# %% wrong="mode_metrics" score=2 says_es="tapas, más por lotes" says_en="tapas more in batch"
# es: Se precalcula todo lo que cabe.
# en: Everything that fits is precomputed.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(used) / len(rows) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity]}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }


# %% wrong="mode_metrics" score=2 says_es="Seis trabajos al día" says_en="Six jobs a day"
# es: Cada clave se calcula una vez, y ya está.
# en: Each key is computed once, and that is it.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(latest)
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(used) / len(rows) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * batch_eur + (total - covered) * online_eur,
    }


# %% wrong="mode_metrics" score=2 says_es="Las dos filas de r1 se usan" says_en="Both rows of r1 are used"
# es: Lo aprovechado son las claves que alguien pidió.
# en: What is put to use is the keys that somebody asked for.
def mode_metrics(rows, requests, batch_eur, online_eur):
    used, ages = set(), []
    for request in requests:
        there = [n for n, row in enumerate(rows) if row["key"] == request["key"] and row["published_s"] <= request["at_s"]]
        if there:
            latest = max(there, key=lambda n: rows[n]["published_s"])
            used.add(request["key"])
            ages.append(request["at_s"] - rows[latest]["computed_s"])
    return {
        "coverage": len(ages) / len(requests),
        "waste": 1 - len(used) / len(rows) if rows else 0,
        "staleness_s": sum(ages) / len(ages) if ages else None,
        "eur": batch_eur * len(rows) + online_eur * (len(requests) - len(ages)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    by_count = sorted(counts, key=counts.get, reverse=True)
    keys = {key for key in by_count[:capacity] if counts[key] * online_eur > runs * batch_eur}
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {
        "keys": keys,
        "coverage": covered / total if total else 0,
        "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur,
    }


# %% right="mode_metrics"
# es: con pandas y merge_asof
# en: with pandas and merge_asof
def mode_metrics(rows, requests, batch_eur, online_eur):
    import pandas as pd

    asked = pd.DataFrame(requests).sort_values("at_s", kind="stable")
    if not rows:
        return {"coverage": 0.0, "waste": 0.0, "staleness_s": None, "eur": online_eur * len(asked)}
    table = pd.DataFrame(rows).reset_index(names="row").sort_values("published_s", kind="stable")
    joined = pd.merge_asof(asked, table, left_on="at_s", right_on="published_s", by="key")
    hits = joined.dropna(subset=["row"])
    return {
        "coverage": len(hits) / len(joined),
        "waste": 1 - hits["row"].nunique() / len(table),
        "staleness_s": (hits["at_s"] - hits["computed_s"]).mean() if len(hits) else None,
        "eur": batch_eur * len(table) + online_eur * (len(joined) - len(hits)),
    }


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    keys, cost = [], online_eur * sum(counts.values())
    for key, count in Counter(counts).most_common():
        saving = online_eur * count - batch_eur * runs
        if len(keys) == capacity or saving <= 0:
            break
        keys.append(key)
        cost -= saving
    everything = sum(counts.values()) or 1
    return dict(keys=keys, coverage=sum(map(counts.get, keys)) / everything, eur=cost)

# %% right="mode_metrics"
# es: por clave, con búsqueda binaria entre las horas de publicación
# en: by key, with a binary search among the times of publication
def mode_metrics(rows, requests, batch_eur, online_eur):
    import bisect

    published = {}
    for number, row in enumerate(rows):
        published.setdefault(row["key"], []).append((row["published_s"], row["computed_s"], number))
    for of_key in published.values():
        of_key.sort()
    used, age, hits = set(), 0, 0
    for request in requests:
        of_key = published.get(request["key"], [])
        place = bisect.bisect_right([at for at, _, _ in of_key], request["at_s"])
        if place:
            _, computed_s, number = of_key[place - 1]
            used.add(number)
            age, hits = age + request["at_s"] - computed_s, hits + 1
    return dict(
        coverage=hits / len(requests), waste=(len(rows) - len(used)) / len(rows) if rows else 0.0, staleness_s=age / hits if hits else None,
        eur=len(rows) * batch_eur + (len(requests) - hits) * online_eur,
    )


def head_plan(counts, runs, batch_eur, online_eur, capacity):
    worth = [key for key in counts if counts[key] * online_eur > runs * batch_eur]
    keys = heapq.nlargest(capacity, worth, key=counts.get)
    total, covered = sum(counts.values()), sum(counts[key] for key in keys)
    return {"keys": keys, "coverage": covered / max(total, 1), "eur": len(keys) * runs * batch_eur + (total - covered) * online_eur}
# %% [markdown] lang="es" row="28 30"
# ## 9. Elegir por razones (4 puntos)
#
# «Las recomendaciones van por lotes» es una etiqueta, no una razón. Aquí cada caso es un diccionario de hechos (inventados para el ejercicio, como los de la celda siguiente), y tu regla decide con ellos:
#
# | hecho | qué dice |
# |---|---|
# | `name` | para reconocer el caso; no es una razón |
# | `answer_ms`, `model_ms` | lo que se puede esperar una respuesta; lo que tarda el modelo en una predicción en línea |
# | `inputs` | cuántas entradas distintas hay, si se pueden enumerar de antemano; `None` si no |
# | `rows_per_s` | predicciones por segundo de un trabajo por lotes |
# | `max_age_s` | edad máxima que puede tener una predicción cuando se usa |
# | `requests_per_day` | peticiones al día |
# | `head`, `head_share` | cuántas consultas frecuentes se precalcularían en el modo híbrido (al menos una) y qué fracción de las peticiones responderían, de 0 a 1 |
#
# Un trabajo por lotes de $n$ filas dura $d = n / r$ segundos, donde $r$ es `rows_per_s`, se publica al acabar y se repite cada $p$ segundos, con $p \ge d$. Justo antes de publicarse el siguiente, la fila que se calculó la primera tiene edad $d + p$:
#
# ```text
# t (s)     0         d              p         p + d
# job 1     [=========]
# job 2                              [=========]
# table     ?         [ rows of job 1          ][ rows of job 2 …
# age of the row that job 1 computed first:
#           0         d                        p + d
# ```
#
# Escribe:
#
# - `blockers(case)`: por qué **no** puede usarse cada modo. Devuelve `{"batch": …, "online": …, "hybrid": …}`, cada uno un conjunto de razones, vacío si se puede:
#     - `"space"`: hay que calcularlo todo de antemano y no se puede enumerar; en ese caso no añadas `"freshness"`;
#     - `"freshness"`: por mucho que se repita el trabajo por lotes, con $p = d$, la edad $d + p$ pasa de `max_age_s`. En el híbrido, el trabajo calcula solo las consultas frecuentes;
#     - `"latency"`: alguna petición se calcula en línea y el modelo tarda más de `answer_ms`. En el híbrido, las que no son frecuentes, si las hay.
# - `predictions_per_day(case, mode)`: cuántas predicciones al día hace un modo que se puede usar. Por lotes, las filas por los trabajos de un día, que son $86\,400 / p$ (sin redondear) con la mayor $p$ que respeta `max_age_s`; en línea, una por petición; en el híbrido, la suma de las dos cosas: las filas frecuentes por los trabajos de un día, y una predicción en línea por cada petición que esas filas no respondan.
# - `choose(case)`: de los modos que se pueden usar, el que hace menos predicciones al día; `None` si no se puede ninguno. Las pruebas no traen empates.
# %% [markdown] lang="en" row="28 30"
# ## 9. Choosing by reasons (4 points)
#
# "Recommendations go in batch" is a label, not a reason. Here each case is a dict of facts (invented for the exercise, like those of the next cell), and your rule decides by them:
#
# | fact | what it says |
# |---|---|
# | `name` | to recognize the case; it is no reason |
# | `answer_ms`, `model_ms` | how long an answer can be waited for; how long the model takes for one online prediction |
# | `inputs` | how many distinct inputs there are, if they can be listed beforehand; `None` if they cannot |
# | `rows_per_s` | predictions per second of a batch job |
# | `max_age_s` | the greatest age that a prediction may have when it is used |
# | `requests_per_day` | requests per day |
# | `head`, `head_share` | how many common queries would be precomputed in the hybrid mode (at least one) and which fraction of the requests they would answer, from 0 to 1 |
#
# A batch job of $n$ rows lasts $d = n / r$ seconds, where $r$ is `rows_per_s`, is published when it ends and is repeated every $p$ seconds, with $p \ge d$. Just before the next one is published, the row that was computed first has age $d + p$:
#
# ```text
# t (s)     0         d              p         p + d
# job 1     [=========]
# job 2                              [=========]
# table     ?         [ rows of job 1          ][ rows of job 2 …
# age of the row that job 1 computed first:
#           0         d                        p + d
# ```
#
# Write:
#
# - `blockers(case)`: why each mode can **not** be used. It returns `{"batch": …, "online": …, "hybrid": …}`, each a set of reasons, empty if it can:
#     - `"space"`: everything must be computed beforehand and it cannot be listed; in that case do not add `"freshness"`;
#     - `"freshness"`: however often the batch job is repeated, with $p = d$, the age $d + p$ exceeds `max_age_s`. In the hybrid the job computes only the common queries;
#     - `"latency"`: some request is computed online and the model takes more than `answer_ms`. In the hybrid, those that are not common, if there are any.
# - `predictions_per_day(case, mode)`: how many predictions per day are made by a mode that can be used. In batch, the rows times the jobs of a day, which are $86\,400 / p$ (not rounded) with the largest $p$ that respects `max_age_s`; online, one per request; in the hybrid, the sum of both: the common rows times the jobs of a day, and one online prediction per request that those rows do not answer.
# - `choose(case)`: of the modes that can be used, the one that makes the fewest predictions per day; `None` if none can. The tests bring no ties.

# %%
FACTS = ("name", "answer_ms", "model_ms", "inputs", "rows_per_s", "max_age_s", "requests_per_day", "head", "head_share")
CASES = [
    dict(zip(FACTS, facts, strict=True))
    for facts in [
        ("hotel ranking", 300, 40, 200_000, 500, 86_400, 5_000_000, 2000, 0.5),
        ("speech recognition", 500, 200, None, 100, 86_400, 10_000_000, 100, 0.0),
        ("feed recommendation", 150, 40, 300_000_000, 5000, 60, 2_000_000_000, 10_000, 0.001),
        ("search suggestions", 80, 15, None, 2000, 3600, 10_000_000, 10_000, 0.7),
    ]
]

# %% answer="choose"
def blockers(case):
    ### BEGIN SOLUTION
    def too_old(rows):
        return {"freshness"} if 2 * rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]) | (too_slow if case["head_share"] < 1 else set()),
    }
    ### END SOLUTION


def predictions_per_day(case, mode):
    ### BEGIN SOLUTION
    def of_jobs(rows):
        period_s = case["max_age_s"] - rows / case["rows_per_s"]
        return rows * 86_400 / period_s

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]
    ### END SOLUTION


def choose(case):
    ### BEGIN SOLUTION
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return min(possible, key=lambda mode: predictions_per_day(case, mode), default=None)
    ### END SOLUTION

# %% test="choose/blockers" points=2 row="30" objective="4.7"
import random as _t_random

from mlprod import checks

### BEGIN HIDDEN TESTS
def _t_random_case(seed):
    chance = _t_random.Random(seed)
    inputs = chance.choice([None, 1000, 50_000, 2_000_000])
    return dict(
        name=chance.choice(["recommendation", "fraud", "eta", "feed"]), answer_ms=chance.choice([50, 200, 1000]), model_ms=chance.choice([10, 100, 201, 900]), inputs=inputs,
        rows_per_s=chance.choice([100, 1000, 7000]), max_age_s=chance.choice([1, 60, 900, 14_400, 86_400]) + chance.random() / 10, requests_per_day=chance.choice([5000, 300_000, 20_000_000]) + chance.randrange(999),
        head=chance.choice([10, 900, 40_000]), head_share=chance.choice([0.0, 0.2, 0.65, 0.9, 1.0]),
    )


def _t_reasons(case):
    slow, age = case["model_ms"] > case["answer_ms"], case["max_age_s"] * case["rows_per_s"] / 2
    found = {"batch": set(), "online": set(), "hybrid": set()}
    if case["inputs"] is None:
        found["batch"].add("space")
    elif case["inputs"] > age:
        found["batch"].add("freshness")
    if slow:
        found["online"].add("latency")
        if case["head_share"] != 1:
            found["hybrid"].add("latency")
    if case["head"] > age:
        found["hybrid"].add("freshness")
    return found
### END HIDDEN TESTS


def _t_facts(case):
    return ", ".join(f"{name}={value}" for name, value in case.items())


def _t_check_blockers(case, want):
    got = checks.plain(blockers(dict(case)), tr(es="Lo que devuelve blockers.", en="What blockers returns."))
    assert isinstance(got, dict) and set(got) == {"batch", "online", "hybrid"}, tr(
        es=f"blockers devuelve un diccionario con las claves batch, online y hybrid, y ha devuelto {got!r}.", en=f"blockers returns a dict with the keys batch, online and hybrid, and it returned {got!r}."
    )
    for mode, reasons in want.items():
        checks.same(got[mode], reasons, tr(es=f"{_t_facts(case)}: razones contra {mode}:", en=f"{_t_facts(case)}: reasons against {mode}:"))


_t_named = {case["name"]: case for case in CASES}
_t_check_blockers(_t_named["hotel ranking"], {"batch": set(), "online": set(), "hybrid": set()})
_t_check_blockers(_t_named["speech recognition"], {"batch": {"space"}, "online": set(), "hybrid": set()})
_t_check_blockers(_t_named["feed recommendation"], {"batch": {"freshness"}, "online": set(), "hybrid": set()})
_t_check_blockers({**_t_named["search suggestions"], "model_ms": 900}, {"batch": {"space"}, "online": {"latency"}, "hybrid": {"latency"}})
_t_job = {**_t_named["hotel ranking"], "inputs": 200_000, "rows_per_s": 500}  # d is 400 s
_t_check_blockers({**_t_job, "max_age_s": 600}, {"batch": {"freshness"}, "online": set(), "hybrid": set()})
_t_check_blockers({**_t_job, "max_age_s": 800}, {"batch": set(), "online": set(), "hybrid": set()})
_t_check_blockers({**_t_named["search suggestions"], "model_ms": 900, "head_share": 1.0}, {"batch": {"space"}, "online": {"latency"}, "hybrid": set()})
checks.passed()
### BEGIN HIDDEN TESTS
for _t_seed in range(300):
    _t_check_blockers(_t_random_case(_t_seed), _t_reasons(_t_random_case(_t_seed)))
_t_check_blockers({**_t_named["hotel ranking"], "inputs": 1000, "rows_per_s": 100, "max_age_s": 20, "head": 1001}, {"batch": set(), "online": set(), "hybrid": {"freshness"}})
### END HIDDEN TESTS

# %% test="choose/mode" points=2 row="28 30" objective="4.7"
import random as _t_random

from mlprod import checks

_t_named = {case["name"]: case for case in CASES}
for _t_mode, _t_many, _t_how in (
    ("batch", 200_000 * 86_400 / (86_400 - 400), tr(es="el trabajo dura d = 400 s, y p + d no pasa de 86 400 s", en="the job lasts d = 400 s, and p + d does not exceed 86,400 s")),
    ("online", 5_000_000, tr(es="una por petición", en="one per request")),
    ("hybrid", 2000 * 86_400 / (86_400 - 4) + 2_500_000, tr(es="el trabajo dura d = 4 s, y la mitad de las peticiones se calculan en línea", en="the job lasts d = 4 s, and half of the requests are computed online")),
):
    checks.same(
        checks.number(predictions_per_day(dict(_t_named["hotel ranking"]), _t_mode), "predictions_per_day"), _t_many,
        tr(es=f"predictions_per_day de hotel ranking, {_t_mode}: {_t_how}.", en=f"predictions_per_day of hotel ranking, {_t_mode}: {_t_how}."),
    )
checks.same(
    choose(dict(_t_named["hotel ranking"])), "batch", tr(es="Millones de peticiones, y 200 000 entradas posibles que basta con calcular una vez al día:", en="Millions of requests, and 200,000 possible inputs that need computing only once a day:")
)
checks.same(choose(dict(_t_named["feed recommendation"])), "online", tr(es="Una recomendación que en un minuto es vieja:", en="A recommendation that is old after a minute:"))
checks.same(choose({**_t_named["hotel ranking"], "requests_per_day": 3000}), "online", tr(es="Solo 3000 peticiones al día: casi toda la tabla se calcularía para nadie.", en="Only 3000 requests a day: almost the whole table would be computed for nobody."))
checks.same(choose(dict(_t_named["search suggestions"])), "hybrid", tr(es="Infinitas consultas, y unas pocas son la mayoría de las peticiones:", en="Infinitely many queries, and a few of them are most of the requests:"))
checks.passed()
### BEGIN HIDDEN TESTS
def _t_per_day(case, mode):
    if mode == "online":
        return case["requests_per_day"]
    rows = case["inputs" if mode == "batch" else "head"]
    jobs = 86_400 / (case["max_age_s"] - rows / case["rows_per_s"])
    return rows * jobs + (case["requests_per_day"] * (1 - case["head_share"]) if mode == "hybrid" else 0)


_t_chosen = Counter()
for _t_seed in range(600):
    _t_case = _t_random_case(_t_seed)
    _t_possible = sorted((_t_per_day(_t_case, mode), mode) for mode, reasons in _t_reasons(_t_case).items() if not reasons)
    if len(_t_possible) > 1 and _t_possible[1][0] < 1.001 * _t_possible[0][0]:
        continue
    for _t_many, _t_mode in _t_possible:
        checks.same(checks.number(predictions_per_day(dict(_t_case), _t_mode), f"predictions_per_day, {_t_mode}"), _t_many, tr(es=f"{_t_facts(_t_case)}: predicciones al día, {_t_mode}:", en=f"{_t_facts(_t_case)}: predictions per day, {_t_mode}:"), tolerance=1e-6)
    _t_want = _t_possible[0][1] if _t_possible else None
    _t_chosen[_t_want] += 1
    checks.same(choose(dict(_t_case)), _t_want, tr(es=f"{_t_facts(_t_case)}: modo elegido:", en=f"{_t_facts(_t_case)}: mode chosen:"))
assert len(_t_chosen) == 4, _t_chosen
### END HIDDEN TESTS

# %% wrong="choose" score=2 says_es="en un minuto es vieja" says_en="old after a minute"
# es: Las recomendaciones van por lotes; lo demás, en línea.
# en: Recommendations go in batch; the rest, online.
def blockers(case):
    def too_old(rows):
        return {"freshness"} if 2 * rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]) | (too_slow if case["head_share"] < 1 else set()),
    }


def predictions_per_day(case, mode):
    def of_jobs(rows):
        return rows * 86_400 / (case["max_age_s"] - rows / case["rows_per_s"])

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]


def choose(case):
    if "rank" in case["name"] or "recommendation" in case["name"]:
        return "batch"
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return min(possible, key=lambda mode: predictions_per_day(case, mode), default=None)


# %% wrong="choose" score=2 says_es="para nadie" says_en="for nobody"
# es: Si se puede por lotes, por lotes: sale más barato.
# en: If it can be done in batch, in batch: that is cheaper.
def blockers(case):
    def too_old(rows):
        return {"freshness"} if 2 * rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]) | (too_slow if case["head_share"] < 1 else set()),
    }


def predictions_per_day(case, mode):
    def of_jobs(rows):
        return rows * 86_400 / (case["max_age_s"] - rows / case["rows_per_s"])

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]


def choose(case):
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return possible[0] if possible else None


# %% wrong="choose" score=0 says_es="razones contra hybrid" says_en="reasons against hybrid"
# es: En el modo híbrido las consultas frecuentes ya están calculadas: la latencia del modelo no cuenta.
# en: In the hybrid mode the common queries are computed already: the latency of the model does not count.
def blockers(case):
    def too_old(rows):
        return {"freshness"} if 2 * rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]),
    }


def predictions_per_day(case, mode):
    def of_jobs(rows):
        return rows * 86_400 / (case["max_age_s"] - rows / case["rows_per_s"])

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]


def choose(case):
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return min(possible, key=lambda mode: predictions_per_day(case, mode), default=None)


# %% wrong="choose" score=0 says_es="razones contra" says_en="reasons against"
# es: Una predicción es tan vieja como lo que dura el trabajo que la calculó.
# en: A prediction is as old as the job that computed it is long.
def blockers(case):
    def too_old(rows):
        return {"freshness"} if rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]) | (too_slow if case["head_share"] < 1 else set()),
    }


def predictions_per_day(case, mode):
    def of_jobs(rows):
        return rows * 86_400 / (case["max_age_s"] - rows / case["rows_per_s"])

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]


def choose(case):
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return min(possible, key=lambda mode: predictions_per_day(case, mode), default=None)


# %% wrong="choose" score=2 says_es="la mayoría de las peticiones" says_en="most of the requests"
# es: Donde hay infinitas consultas, todo en línea.
# en: Where queries are infinitely many, everything online.
def blockers(case):
    def too_old(rows):
        return {"freshness"} if 2 * rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]) | (too_slow if case["head_share"] < 1 else set()),
    }


def predictions_per_day(case, mode):
    def of_jobs(rows):
        return rows * 86_400 / (case["max_age_s"] - rows / case["rows_per_s"])

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]


def choose(case):
    if case["inputs"] is None:
        return None if blockers(case)["online"] else "online"
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return min(possible, key=lambda mode: predictions_per_day(case, mode), default=None)


# %% wrong="choose" score=2 says_es="no pasa de 86 400" says_en="does not exceed 86,400"
# es: Si se admite un día de antigüedad, basta con un trabajo al día.
# en: If a day of age is allowed, one job a day is enough.
def blockers(case):
    def too_old(rows):
        return {"freshness"} if 2 * rows / case["rows_per_s"] > case["max_age_s"] else set()

    too_slow = {"latency"} if case["model_ms"] > case["answer_ms"] else set()
    return {
        "batch": {"space"} if case["inputs"] is None else too_old(case["inputs"]),
        "online": too_slow,
        "hybrid": too_old(case["head"]) | (too_slow if case["head_share"] < 1 else set()),
    }


def predictions_per_day(case, mode):
    def of_jobs(rows):
        return rows * 86_400 / case["max_age_s"]

    if mode == "batch":
        return of_jobs(case["inputs"])
    if mode == "online":
        return case["requests_per_day"]
    return of_jobs(case["head"]) + (1 - case["head_share"]) * case["requests_per_day"]


def choose(case):
    possible = [mode for mode, reasons in blockers(case).items() if not reasons]
    return min(possible, key=lambda mode: predictions_per_day(case, mode), default=None)


# %% right="choose"
# es: razón a razón, y con la cuenta de cada modo en una tabla
# en: reason by reason, and with the count of each mode in a table
def job_s(case, rows):
    return rows / case["rows_per_s"]


def blockers(case):
    found = {mode: [] for mode in ("online", "batch", "hybrid")}
    if case["inputs"] is None:
        found["batch"].append("space")
    elif job_s(case, case["inputs"]) > case["max_age_s"] / 2:
        found["batch"].append("freshness")
    if job_s(case, case["head"]) > case["max_age_s"] / 2:
        found["hybrid"].append("freshness")
    if case["answer_ms"] < case["model_ms"]:
        found["online"].append("latency")
        if case["head_share"] != 1:
            found["hybrid"].append("latency")
    return found


def predictions_per_day(case, mode):
    rows = {"batch": case["inputs"], "online": 0, "hybrid": case["head"]}[mode]
    online = case["requests_per_day"] * {"batch": 0, "online": 1, "hybrid": 1 - case["head_share"]}[mode]
    longest_pause = case["max_age_s"] - job_s(case, rows)
    return rows * 24 * 3600 / longest_pause + online


def choose(case):
    best = None
    for mode, reasons in blockers(case).items():
        if not reasons and (best is None or predictions_per_day(case, mode) < predictions_per_day(case, best)):
            best = mode
    return best

# %% [markdown] essay="front_page" points=4 lang="es"
# ## 10. Redacción: la portada de una tienda (4 puntos)
#
# Una tienda en línea con dos millones de usuarios y un catálogo de cien mil artículos quiere una portada con 20 recomendaciones para quien entra. Recibe 5 millones de visitas al día, y en la hora punta llegan cinco veces más que en una hora media; el 30 % son de gente que no ha entrado nunca, y los precios y las existencias
# cambian cada pocos minutos. La portada tiene que estar en 200 ms. El modelo se vuelve a entrenar cada semana.
#
# Diseña cómo se sirve y defiéndelo, en un texto de 250 a 350 palabras que diga:
#
# 1. qué se calcula por lotes, qué en línea y qué se guarda en caché, y por qué: espacio de entradas, latencia y frescura, cada una por su nombre;
# 2. qué pasa cuando algo falla o se desborda: llega el doble de lo que se puede atender, el modelo no contesta, se despliega una versión nueva a mitad de la hora punta;
# 3. qué mirarías para saber si la decisión fue buena, y qué número te haría cambiarla.
#
# Apóyate al menos en **tres números tuyos**, con su unidad, medidos en la lección o calculados aquí con tus funciones, y di de uno de ellos por qué en esa tienda podría salir distinto.
#
# Cada una de las tres preguntas vale 1 punto, y los tres números, con lo que dices de ellos, otro.
# ### BEGIN SOLUTION
# Dos etapas. Por lotes, cada noche, unos cientos de candidatos por usuario conocido: el espacio es finito (dos millones de filas) y los gustos aguantan un día. En línea, el orden de esos candidatos con la sesión, y el filtro de precios y existencias, que por lotes estarían viejos. Quien es nuevo no tiene fila: se usan los
# candidatos de su país y su página de entrada, que son pocos y se precalculan cada hora. En caché, las características de los artículos, con una caducidad de minutos y la versión del modelo en la clave.
#
# Si llega el doble, cola acotada y 503 rápido, y la portada muestra los candidatos de la noche: peor, pero en 200 ms. Lo mismo si el modelo no contesta antes de su plazo. El despliegue es un cambio de golpe: la tabla nueva se publica entera, la caché de la versión anterior deja de valer, y las peticiones a medias acaban con su modelo. Como una
# caché vacía en hora punta multiplica las llamadas en línea, se despliega de madrugada o se calienta antes.
#
# Se miran la cobertura, las filas calculadas que nadie usa (muchos de los dos millones no entran en un mes), la edad media, el p99 desde la hora prevista y el NDCG de la segunda etapa frente a la primera. Si la segunda etapa no mejora lo que compra la gente más de lo que cuesta, sobra.
#
# - **1 punto**: reparte el trabajo entre lotes y en línea con razones (espacio, latencia, frescura), y se acuerda de los usuarios nuevos. «Recomendación, luego por lotes» no suma.
# - **1 punto**: los tres fallos, cada uno con un mecanismo concreto y con lo que ve el usuario; el despliegue invalida lo guardado y no mezcla versiones.
# - **1 punto**: al menos tres números propios, con unidad y usados como argumento, y uno matizado (un portátil, carga simulada, otra distribución de las peticiones). Un p99 de lazo cerrado, presentado como si fuera el de los usuarios, resta este punto.
# - **1 punto**: con qué se vigila (cobertura, desperdicio, antigüedad, p99, coste, calidad) y un umbral que cambiaría la decisión.
# ### END SOLUTION
# %% [markdown] essay="front_page" points=4 lang="en"
# ## 10. Essay: the front page of a shop (4 points)
#
# An online shop with two million users and a catalogue of a hundred thousand items wants a front page with 20 recommendations for whoever comes in. It gets 5 million visits a day, and in the rush hour five times as many arrive as in an average hour; 30% are from people who have never come before, and prices and stock
# change every few minutes. The front page must be there in 200 ms. The model is trained again every week.
#
# Design how it is served and defend it, in 250 to 350 words:
#
# 1. what is computed in batch, what online and what is cached, and why: input space, latency and freshness, each by its name;
# 2. what happens when something fails or overflows: twice as much arrives as can be attended, the model does not answer, a new version is deployed in the middle of the rush hour;
# 3. what you would look at to know whether the decision was good, and which number would make you change it.
#
# Base your argument on at least **three numbers of your own**, with their unit, measured in the lesson or computed here with your functions, and say of one of them why in that shop it might come out different.
#
# Each of the three questions is worth 1 point; the three numbers, with what you say of them, are worth another.
# ### BEGIN SOLUTION
# Two stages. In batch, each night, some hundreds of candidates per known user: the space is finite (two million rows) and tastes last a day. Online, the order of those candidates with the session, and the filter of prices and stock, which would be stale in batch. Whoever is new has no row: the
# candidates of their country and landing page are used, which are few and are precomputed every hour. In the cache, the features of the items, with an expiry of minutes and the version of the model in the key.
#
# If twice as much arrives, a bounded queue and a quick 503, and the front page shows the candidates of the night: worse, but within 200 ms. The same if the model does not answer before its deadline. Deployment is an atomic swap: the new table is published whole, the cache of the previous version no longer holds, and requests that are halfway end with their model. Since an
# empty cache at rush hour multiplies online calls, one deploys before dawn or warms it first.
#
# One looks at coverage, the computed rows that nobody uses (many of the two million do not come in a month), the mean age, the p99 from the intended time and the NDCG of the second stage against the first. If the second stage does not improve what people buy by more than it costs, it is not needed.
#
# - **1 point**: divides the work between batch and online with reasons (space, latency, freshness), and remembers new users. "Recommendation, so batch" earns nothing.
# - **1 point**: the three failures, each with a concrete mechanism and with what the user sees; the deployment invalidates what is kept and mixes no versions.
# - **1 point**: at least three numbers of one's own, with units and used as arguments, and one of them qualified (a laptop, simulated load, another distribution of requests). A closed-loop p99 presented as that of the users loses this point.
# - **1 point**: what is monitored (coverage, waste, staleness, p99, cost, quality) and a threshold that would change the decision.
# ### END SOLUTION
