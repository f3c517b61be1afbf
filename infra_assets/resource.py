"""What the engine works on: one AWS object with an identity, wanted attributes and five verbs.

A resource type is a frozen dataclass below `Resource`. It says how its object is found, created,
changed and deleted; when and whether to do so is the engine's business (`reconcile.py`). Calls go
through the `Cloud` it is given and are made nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from infra_assets.errors import InfraError
from resources.aws import MissingInfrastructureError

if TYPE_CHECKING:
    from infra_assets.cloud import Cloud

Attributes = Mapping[str, Any]

REPLACED = "mall:replaced"
"""The tag of an object whose place another one takes: deleted as soon as nothing uses it."""


@dataclass(frozen=True)
class Ref:
    """Another resource's output (`id`, `arn`, …), looked up on AWS when it is needed."""

    kind: str
    name: str
    output: str

    def __str__(self) -> str:
        return f"<{self.output} of {self.kind} {self.name}>"


@dataclass(frozen=True)
class Live:
    """An object as it is on AWS.

    `ready` is false while AWS is still making or changing it, `leaving` is true while AWS is
    deleting it; `going` once it is scheduled for deletion but can still be brought back. `outputs`
    are what a Ref may ask for besides id and arn.
    """

    id: str
    attributes: Attributes
    arn: str | None = None
    ready: bool = True
    leaving: bool = False
    going: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        value = self.output_so_far(name)
        if value is None:
            raise KeyError(f"{self.id} has no output {name}")
        return value

    def output_so_far(self, name: str) -> str | None:
        """None where AWS has yet to give it, as a database's endpoint while that is made."""
        known: dict[str, str | None] = {"id": self.id, "arn": self.arn, **self.outputs}
        return known.get(name)


@dataclass(frozen=True, kw_only=True)
class Resource(ABC):
    """One AWS object.

    `name` is unique within the type: the object's own name where AWS knows it by one, else a
    logical name that its tag `mall:resource` carries. `asset` is filled in by the registry.
    """

    service: ClassVar[str]
    """boto3's name of the service that `find` reads."""
    fixed: ClassVar[frozenset[str]] = frozenset()
    """Attributes that AWS can't change: a difference replaces the object."""
    sets: ClassVar[frozenset[str]] = frozenset()
    """Attributes that are lists whose order means nothing."""
    tagged: ClassVar[bool] = True
    """Whether AWS keeps tags on it; the engine then manages the attribute `tags`."""
    holds_data: ClassVar[bool] = False
    """Whether deleting it loses data: then never replaced or deleted unless named."""
    patience_s: ClassVar[float] = 300
    """How long AWS may take until it is ready, or gone."""
    settles: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Errors (code, part of the message) that pass by themselves, as when a new role isn't known
    everywhere yet."""
    held: ClassVar[frozenset[str]] = frozenset()
    """Errors of its deletion that pass once what used it, and goes, is gone."""
    beside: ClassVar[bool] = False
    """How it is replaced. Whether another one can be made beside it: then the old one is marked,
    what uses it is moved, and it's deleted at the end. Else it's deleted first."""
    part_of: ClassVar[str] = ""
    """The field that refers to the object that this one is a part of and goes with."""

    name: str
    asset: str = ""

    @classmethod
    def kind(cls) -> str:
        """The type's name. It is in the tags: renaming a class makes its objects orphans."""
        return f"{cls.service}.{cls.__name__}"

    @classmethod
    def former(cls, name: str) -> Self:
        """A resource whose declaration is gone: its name is all that `find` and `delete` need."""
        resource = object.__new__(cls)
        object.__setattr__(resource, "name", name)
        return resource

    @classmethod
    def ref(cls, name: str, output: str = "arn") -> Ref:
        return Ref(cls.kind(), name, output)

    @property
    def address(self) -> str:
        """What people call it by: unique over the whole registry."""
        return f"{self.kind()}/{self.name}"

    @abstractmethod
    def wanted(self) -> dict[str, Any]:
        """The managed attributes, tags apart, in the shape that `find` gives; may hold Refs."""

    @abstractmethod
    def find(self, cloud: Cloud) -> list[Live]:
        """Every object with this identity: none, one, or more where something went wrong.

        Of its own fields it needs the name only.
        """

    @abstractmethod
    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        """Makes the object in one call that carries its identity, with whatever attributes that
        call takes; the engine has the others set by `update`."""

    @abstractmethod
    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        """Sets the changed attributes."""

    @abstractmethod
    def delete(self, cloud: Cloud, live: Live) -> None:
        """Deletes the object, or schedules that where AWS does only this."""

    def why_kept(self, live: Live) -> str:
        """Why this object is replaced or deleted only if it is named, as it continues its name;
        empty where it isn't."""
        return "holds data" if self.holds_data else ""

    def fixed_in(self, live: Live) -> frozenset[str]:
        """The attributes that AWS can't change in an object as it is now."""
        return self.fixed

    def obstacle(
        self, cloud: Cloud, live: Live | None, wanted: Attributes, changed: frozenset[str]
    ) -> str:
        """Why AWS can't make the changed attributes as wanted, and what a person can do about it;
        empty where nothing is known to be in the way. Reads only."""
        return ""

    def when_not_ready(self, cloud: Cloud) -> str:
        """What a person can do when AWS doesn't get it ready."""
        return ""

    def adopt(self, cloud: Cloud, id: str) -> None:
        """Gives an existing object this resource's identity.

        An object known by its own name needs nothing but that name. Raises NotAdoptableError.
        """
        if id != self.name:
            raise NotAdoptableError(f"{self.address} is known by its name, which {id} is not")


@dataclass(frozen=True, kw_only=True)
class Setting(Resource):
    """One side of another object, which has calls of its own on AWS.

    It's a resource of its own so that its changes are seen and made one by one. It is never
    deleted, since it goes with its object.
    """

    tagged: ClassVar[bool] = False

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        """Is only asked for where the object isn't there: with that, a setting has some value."""
        raise MissingInfrastructureError(f"what {self.address} belongs to", f"infra/{self.asset}")

    def delete(self, cloud: Cloud, live: Live) -> None:
        """It goes with its object."""


class NotAdoptableError(InfraError):
    """An existing object can't become this resource."""
