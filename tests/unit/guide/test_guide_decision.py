"""What the guide does, by example and against a model of PgBouncer in which anything may happen at any time."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from guide.decision import (
    GRACE,
    PATIENCE,
    STALE,
    GuideMemory,
    GuideReading,
    PoolerAction,
    PoolerReading,
    PoolerVerb,
    decide,
)
from guide.sighting import Sighting

POOLS = frozenset({"appdb", "appdb_write"})
ALPHA, BETA = Sighting(leader="alpha"), Sighting(leader="beta")
NOBODY = Sighting(certain=True, reason="no node leads")
UNCLEAR = Sighting(reason="no node leads")
TWO = Sighting(several=True, certain=True, reason="more than one node is the primary: alpha, beta")
RUNNING = PoolerReading(leads="alpha", pools=POOLS)
PAUSED = replace(RUNNING, paused=POOLS)


def _seen(
    sighting: Sighting, pooler: PoolerReading | None = RUNNING, now: float = 100.0, written: str = "alpha"
) -> GuideReading:
    return GuideReading(now=now, sighting=sighting, pooler=pooler, written=written)


def _verbs(actions: tuple[PoolerAction, ...]) -> list[PoolerVerb]:
    return [action.verb for action in actions]


def test_a_pool_that_leads_where_it_should_is_left_alone() -> None:
    assert decide(GuideMemory(), _seen(ALPHA))[1] == ()


def test_another_primary_is_followed() -> None:
    memory, actions = decide(GuideMemory(leader="alpha"), _seen(BETA))
    assert actions == (PoolerAction(PoolerVerb.LEAD, target="beta"),)
    assert memory.leader == "beta"


def test_clients_wait_from_the_moment_at_which_it_is_certain_that_there_is_no_primary() -> None:
    memory, actions = decide(GuideMemory(leader="alpha"), _seen(NOBODY))
    assert actions == (PoolerAction(PoolerVerb.PAUSE, pools=POOLS),)
    memory, actions = decide(memory, _seen(BETA, PAUSED, now=105.0))
    assert actions == (PoolerAction(PoolerVerb.LEAD, target="beta"), PoolerAction(PoolerVerb.RESUME, pools=POOLS))
    assert (memory.holding, memory.missed_since) == (frozenset(), None)


def test_answers_that_are_missing_hold_nobody_back_at_once() -> None:
    memory, actions = decide(GuideMemory(leader="alpha"), _seen(UNCLEAR))
    assert actions == ()
    assert decide(memory, _seen(ALPHA, now=100.5))[0].missed_since is None
    assert _verbs(decide(memory, _seen(UNCLEAR, now=100.0 + GRACE))[1]) == [PoolerVerb.PAUSE]


def test_clients_get_errors_before_they_have_waited_too_long_and_are_not_held_back_again() -> None:
    memory = decide(GuideMemory(leader="alpha"), _seen(NOBODY))[0]
    assert decide(memory, _seen(NOBODY, PAUSED, now=99.0 + PATIENCE))[1] == ()
    memory, actions = decide(memory, _seen(NOBODY, PAUSED, now=100.0 + PATIENCE))
    assert actions == (PoolerAction(PoolerVerb.RESUME, pools=POOLS),)
    assert memory.gave_up
    memory, actions = decide(memory, _seen(NOBODY, RUNNING, now=101.0 + PATIENCE))
    assert actions == ()
    assert not decide(memory, _seen(ALPHA, now=102.0 + PATIENCE))[0].gave_up


def test_of_two_primaries_no_client_chooses_one_however_long_that_lasts() -> None:
    memory = decide(GuideMemory(leader="alpha"), _seen(TWO))[0]
    assert memory.holding == POOLS
    assert decide(memory, _seen(TWO, PAUSED, now=1000.0))[1] == ()
    gave_up = GuideMemory(leader="alpha", gave_up=True, missed_since=0.0)
    assert _verbs(decide(gave_up, _seen(TWO, now=1000.0))[1]) == [PoolerVerb.PAUSE]


def test_what_somebody_else_has_paused_is_repointed_and_stays_paused() -> None:
    memory, actions = decide(GuideMemory(leader="alpha"), _seen(NOBODY, PAUSED))
    assert (memory.holding, actions) == (frozenset(), ())
    memory, actions = decide(memory, _seen(BETA, PAUSED, now=101.0))
    assert _verbs(actions) == [PoolerVerb.LEAD]


def test_an_operation_that_holds_the_pools_is_not_interfered_with_and_what_it_leaves_is_let_go() -> None:
    held = replace(_seen(NOBODY, PAUSED), held_since=99.0)
    memory, actions = decide(GuideMemory(leader="alpha"), held)
    assert actions == ()
    memory, actions = decide(memory, replace(held, sighting=BETA))
    assert _verbs(actions) == [PoolerVerb.LEAD]
    memory, actions = decide(memory, _seen(BETA, replace(PAUSED, leads="beta"), now=103.0, written="beta"))
    assert actions == (PoolerAction(PoolerVerb.RESUME, pools=POOLS),)


def test_after_an_operation_that_left_no_primary_clients_wait_no_longer_in_all() -> None:
    memory = decide(GuideMemory(leader="alpha"), replace(_seen(NOBODY, PAUSED), held_since=40.0))[0]
    assert decide(memory, _seen(NOBODY, PAUSED, now=39.0 + PATIENCE))[1] == ()
    assert _verbs(decide(memory, _seen(NOBODY, PAUSED, now=41.0 + PATIENCE))[1]) == [PoolerVerb.RESUME]


def test_a_pgbouncer_that_was_started_anew_is_held_back_again() -> None:
    memory = decide(GuideMemory(leader="alpha"), _seen(NOBODY))[0]
    assert _verbs(decide(memory, _seen(NOBODY, RUNNING, now=101.0))[1]) == [PoolerVerb.PAUSE]


def test_for_a_pgbouncer_that_does_not_answer_the_file_is_kept_right() -> None:
    assert decide(GuideMemory(leader="alpha"), _seen(ALPHA, None))[1] == ()
    assert _verbs(decide(GuideMemory(leader="alpha"), _seen(BETA, None))[1]) == [PoolerVerb.LEAD]
    assert decide(GuideMemory(leader="alpha"), _seen(NOBODY, None))[1] == ()


def test_who_stays_busy_at_a_former_primary_is_ended_once_it_had_time_to_end_them_itself() -> None:
    stale = replace(RUNNING, leads="beta", stale=2)
    memory, actions = decide(GuideMemory(leader="alpha"), _seen(BETA, replace(stale, leads="alpha")))
    assert _verbs(actions) == [PoolerVerb.LEAD]
    memory, actions = decide(memory, _seen(BETA, stale, now=100.5, written="beta"))
    assert actions == ()
    memory, actions = decide(memory, _seen(BETA, stale, now=100.0 + STALE, written="beta"))
    assert actions == ()
    memory, actions = decide(memory, _seen(BETA, stale, now=100.5 + STALE, written="beta"))
    assert actions == (PoolerAction(PoolerVerb.END, target="beta"),)


def test_nobody_is_ended_who_was_not_busy_there_all_the_time_or_while_an_operation_holds_the_pools() -> None:
    stale, since = replace(RUNNING, stale=1), GuideMemory(leader="alpha", stale_since=0.0)
    for between in (
        _seen(ALPHA, now=99.0),
        _seen(NOBODY, stale, now=99.0),
        replace(_seen(ALPHA, stale, now=99.0), held_since=98.0),
    ):
        memory, actions = decide(since, between)
        assert PoolerVerb.END not in _verbs(actions)
        assert PoolerVerb.END not in _verbs(decide(memory, _seen(ALPHA, stale, now=100.0))[1])


sightings = st.sampled_from((ALPHA, BETA, NOBODY, UNCLEAR, TWO))
moments = st.tuples(
    st.floats(0.05, 40.0),
    sightings,
    st.sampled_from(("nothing", "pause", "resume", "restart", "gone", "hold", "release", "stale", "busy no more")),
)


class _Model:
    """A PgBouncer and its file, and who paused what."""

    def __init__(self) -> None:
        self.leads, self.written, self.answers = "alpha", "alpha", True
        self.paused: frozenset[str] = frozenset()
        self.foreign: frozenset[str] = frozenset()
        self.ours_since: float | None = None
        self.held_since: float | None = None
        self.stale_since: float | None = None

    def happens(self, what: str, now: float) -> None:
        self.answers = what != "gone"
        match what:
            case "pause":
                self.foreign |= POOLS - self.paused
                self.paused = POOLS
            case "resume" | "restart":
                self.paused = self.foreign = frozenset()
                if what == "restart":
                    self.leads = self.written
            case "hold":
                self.held_since, self.paused = now, POOLS
            case "release":
                self.held_since = None
            case "stale":
                self.stale_since = now if self.stale_since is None else self.stale_since
            case "busy no more":
                self.stale_since = None

    def reading(self, now: float, sighting: Sighting) -> GuideReading:
        stale = int(self.stale_since is not None)
        reading = PoolerReading(leads=self.leads, pools=POOLS, paused=self.paused, stale=stale)
        pooler = reading if self.answers else None
        return GuideReading(now=now, sighting=sighting, pooler=pooler, written=self.written, held_since=self.held_since)

    def obey(self, action: PoolerAction) -> None:
        match action.verb:
            case PoolerVerb.LEAD:
                self.written = action.target
                if self.answers:
                    self.leads = action.target
            case PoolerVerb.PAUSE:
                self.paused |= action.pools
            case PoolerVerb.RESUME:
                self.paused -= action.pools
            case PoolerVerb.END:
                self.stale_since = None


@settings(max_examples=300)
@given(st.lists(moments, max_size=30))
def test_whatever_happens(history: list[tuple[float, Sighting, str]]) -> None:
    model, memory, now = _Model(), GuideMemory(leader="alpha"), 0.0
    for seconds, sighting, what in history:
        now += seconds
        model.happens(what, now)
        if model.held_since is not None:
            model.foreign = frozenset()  # what an operation leaves is the guide's to let go
        before = model.paused
        memory, actions = decide(memory, model.reading(now, sighting))
        for action in actions:
            if action.verb is PoolerVerb.END:
                assert model.leads == action.target == sighting.leader, "who is ended can go to the primary at once"
                assert model.stale_since is not None
                assert now - model.stale_since >= STALE, "a server had the time to end them itself"
            model.obey(action)
            if action.verb is PoolerVerb.LEAD:
                assert action.target == sighting.leader, "nobody is led to who was not seen to be the primary"
            else:
                assert model.answers, "nobody who does not answer is commanded"
                assert model.held_since is None, "an operation's pause is its own"
            if action.verb is PoolerVerb.RESUME:
                assert not action.pools & model.foreign, "what others paused is theirs to resume"
        if sighting.leader and model.held_since is None and model.answers:
            assert model.leads == model.written == sighting.leader
            assert model.paused <= model.foreign, "nobody waits for a primary that is there"
        if not model.answers:
            assert model.paused == before
        waited = memory.missed_since is not None and now - memory.missed_since >= PATIENCE
        if waited and not sighting.several and model.answers and model.held_since is None:
            assert model.paused <= model.foreign, "nobody waits for longer than clients do"
