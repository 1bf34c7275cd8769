"""What travels to another process although cloudpickle alone cannot pack it."""

import pickle
import types

import confluent_kafka
import kombu

from mlprod.systems import pickling


def test_a_module_of_a_class_of_its_own_travels_by_name():
    assert type(kombu) is not types.ModuleType
    assert pickle.loads(pickling.dumps(kombu)) is kombu


def test_a_class_that_claims_another_module_travels():
    assert pickle.loads(pickling.dumps(confluent_kafka.Producer)) is confluent_kafka.Producer
