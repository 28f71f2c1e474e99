"""The SDK's standard suite for targets, each stream with the id field that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.target_tests import (
    TargetRecordBeforeSchemaTest,
    TargetRecordMissingKeyProperty,
)

from target_bigcommerce.errors import InputError
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.testing import SuiteConfig
    from singer_sdk.testing.runners import TargetTestRunner

    from sandbox import Sandbox

ID_FIELDS = {
    "test_target_camelcase": "Id",
    "test_target_camelcase_complex_schema": "Id",
    "test_target_special_chars_in_attributes": "_id",
    "test_target_schema_no_properties": "object_store.id",
}
# The suite is made when it is collected; a fixture fills in the store of each test.
CONFIG: dict[str, Any] = {"map_standard_fields": []}

Suite: Any = get_target_test_class(TargetBigCommerce, config=CONFIG)


@pytest.fixture(autouse=True)
def a_store(
    request: pytest.FixtureRequest,
    box: Sandbox,
    config_of: Callable[[Sandbox], dict[str, Any]],
) -> Iterator[None]:
    """Let the suite's target write to a sandbox."""
    id_field = ID_FIELDS.get(request.node.name, "id")
    CONFIG.update(config_of(box), map_standard_fields=[], id_field=id_field)
    runner: TargetTestRunner = request.getfixturevalue("runner")
    yield
    if runner.target_input:
        runner.target_input.close()  # The suite leaves it open.


class TestTargetBigCommerce(Suite):
    """The suite; two of its tests expect otherwise than what is right here."""

    def test_target_record_before_schema(
        self, config: SuiteConfig, resource: object, runner: TargetTestRunner
    ) -> None:
        """The run ends, but with an error of ours: a line that says what to do."""
        with pytest.raises(InputError, match="came before its SCHEMA"):
            TargetRecordBeforeSchemaTest().run(config, resource, runner)

    def test_target_record_missing_key_property(
        self, config: SuiteConfig, resource: object, runner: TargetTestRunner
    ) -> None:
        """Nothing is raised: one bad record costs only itself."""
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            TargetRecordMissingKeyProperty().run(config, resource, runner)
