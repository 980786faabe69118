"""What ``converge`` shows before it changes anything, and what it says at the end: for people, and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.render_diff import act_words, add_changed, node_data
from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.operate.converge.decide import Steps, UnwellError
from mastodon_infra.operate.converge.job import retired
from mastodon_infra.operate.converge.rounds import Ahead
from mastodon_infra.render.difference import Act

WAITS = "waits for --allow-restart"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be done, machine by machine.

    Attributes:
        drained: Nodes that an earlier run has left out of the balancer.
        ahead: Who would change before the data that they ask.
    """

    steps: Mapping[str, Steps]
    drained: frozenset[str] = frozenset()
    ahead: Ahead = field(default_factory=lambda: Ahead((), ()))

    @property
    def is_work(self) -> bool:
        """Whether anything would be done."""
        return bool(self.drained) or any(self.steps.values())

    @property
    def is_well(self) -> bool:
        """Whether every machine is well as it is."""
        return not any(one.unwell for one in self.steps.values())


def page_of(outlook: Outlook, width: int, *, is_plain: bool) -> Page:
    """What changes where, what was edited by hand, what is not well, and what waits for leave."""
    page = Page(width, is_plain)
    changed = [one for one in outlook.steps.values() if one]
    add_changed(page, [one.difference for one in changed])
    _add_leaving(page, changed)
    for one in outlook.steps.values():
        _add_kept(page, one)
        _add_state(page, one, is_drained=one.node in outlook.drained)
        if one.waiting:
            page.heading(f"{one.node}: {WAITS}")
            for act in one.waiting:
                page.text(f"- {act_words(act)}", hang=2)
    if outlook.ahead:
        page.heading("Order")
        page.text(f"{ahead_words(outlook.ahead)} With --allow-restart the data goes first.")
    same = len(outlook.steps) - len(changed)
    if not changed:
        page.heading(f"Nothing to change on {counted(same, 'machine')}.")
    elif same:
        page.heading(f"Nothing to change on {counted(same, 'other machine')}.")
    return page


def _add_leaving(page: Page, changed: Iterable[Steps]) -> None:
    leaving = dict.fromkeys(user.name for one in changed for user in retired(one))
    if leaving:
        page.heading(f"{listed(list(leaving))} loses access" if len(leaving) == 1 else "These lose access")
        page.text(f"{listed(list(leaving))}: keys and groups go, the account ends, and what is open is closed.", hang=2)


def _add_kept(page: Page, one: Steps) -> None:
    if one.edited:
        page.heading(f"{one.node}: edited by hand or somebody's own, saved aside before they go")
        page.verbatim(one.edited)
    unneeded = one.difference.packages.removed
    if unneeded:
        page.heading(f"{one.node}: {counted(len(unneeded), 'package')} no longer needed")
        page.text(f"{listed(unneeded)} will stay installed; sudo apt-get autoremove on the machine removes it.")


def _add_state(page: Page, one: Steps, *, is_drained: bool) -> None:
    if one.unwell:
        page.heading(f"{one.node}: not well")
        for what in one.unwell:
            page.text(f"- {what}", hang=2)
        if not one:
            page.text("It needs no change, so no other machine is changed until it is well.")
    if is_drained:
        page.heading(f"{one.node}: out of the balancer since an earlier run")
        page.text("It goes back once it is well.")


def ahead_words(ahead: Ahead) -> str:
    """Who changes before the data that they ask, in a sentence."""
    keeps = "keeps its" if len(ahead.waiting) == 1 else "keep their"
    do = "does" if len(ahead.changing) == 1 else "do"
    return (
        f"{listed(ahead.waiting)} {keeps} old settings until a run with --allow-restart; {listed(ahead.changing)} {do} "
        "not wait for that."
    )


def end_lines(outlook: Outlook, ended: Mapping[str, Steps]) -> Iterator[str]:
    """What was done, and what still waits."""
    if ended:
        yield f"Done: {counted(len(ended), 'machine')} changed."
    for node, acts in _waiting({**outlook.steps, **ended}).items():
        for act in acts:
            yield f"  {node} {WAITS}: {act_words(act)}"
    if outlook.ahead:
        yield f"  {ahead_words(outlook.ahead)}"


def outlook_data(outlook: Outlook) -> dict[str, Any]:
    """The same as data."""
    return {"nodes": [_data(one, is_drained=one.node in outlook.drained) for one in outlook.steps.values()]}


def end_data(
    outlook: Outlook, ended: Mapping[str, Steps], drained: frozenset[str], error: MastodonInfraError | None
) -> dict[str, Any]:
    """How a run ended, as data. ``drained`` is who is out of the balancer now."""
    where = dict.fromkeys(problem.where for problem in error.problems) if error else {}
    failed = [node for node in outlook.steps if node in where]
    was_unwell = [node for node, one in outlook.steps.items() if one.unwell and one and node not in ended]
    unwell = [*was_unwell, *(failed if isinstance(error, UnwellError) else ())]
    waiting = _waiting({**outlook.steps, **ended})
    return {
        "changed": list(ended),
        "failed": failed,
        "waiting": {node: [_act(act) for act in acts] for node, acts in waiting.items()},
        "drained": sorted(drained & outlook.steps.keys()),
        "unwell": list(dict.fromkeys(unwell)),
    }


def _waiting(steps: Mapping[str, Steps]) -> dict[str, tuple[Act, ...]]:
    return {node: one.waiting for node, one in steps.items() if one.waiting}


def _data(one: Steps, *, is_drained: bool) -> dict[str, Any]:
    return {
        **node_data(one.difference),
        "edited": list(one.edited),
        "waiting": [_act(act) for act in one.waiting],
        "unwell": list(one.unwell),
        "is_drained": is_drained,
        "is_changed": bool(one),
    }


def _act(act: Act) -> dict[str, Any]:
    return {"verb": act.verb.value, "unit": act.unit, "because": list(act.because)}
