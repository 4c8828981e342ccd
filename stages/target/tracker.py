"""Tracker: all targets through one frame, in order: expect, follow, find again, begin; knows no stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pipeline.frame import Arrays, Image, Layout
from stages.target import others
from stages.target.begin import by_class, in_box, start
from stages.target.camera import STILL, motion_between
from stages.target.candidates import Candidate, Sight, mask_share, within
from stages.target.carry import Carrier
from stages.target.closer import CloseLook, merged
from stages.target.find import find_again, search_box
from stages.target.follow import follow, rejoin
from stages.target.memory import FOLLOWED, LOST, THING, WAITING, Goal, State, label
from stages.target.scene import SEE_THROUGH, Scene, shift
from stages.target.scenery import Scenery
from stages.target.small import Small
from stages.target.thing import Cutter, cut_out, find_thing, follow_thing
from stages.target.wishes import Wish, inside_picture

LOOKS = 150  # frames for which a lost target is looked for closely; from then on in the whole picture only
ROOM = 9  # pixels around targets where the ground is not learned


class Tracker:
    """One for a stream. What it remembers lies in `before` and `after`."""

    def __init__(
        self,
        small: Small,
        wishes: Sequence[Wish],
        names: Sequence[str],
        closer: CloseLook,
        cutter: Cutter,
        tell: Callable[[str], None],
    ) -> None:
        """`names`: of the classes; `tell` takes a line for the user."""
        self.small = small
        self._wishes, self._names, self._tell = wishes, tuple(names), tell
        self._closer, self._cutter = closer, cutter
        self._carrier, self._scenery = Carrier(), Scenery(*small.size)

    @staticmethod
    def layout(small: Small) -> Layout:
        """Who is followed; and of the former picture, reduced: its grey, its label map, the ground."""
        return State.layout() | {"gray": (small.size, "u1"), "labels": (small.size, "u1")} | Scenery.layout(*small.size)

    def step(
        self,
        index: int,
        sight: Sight,
        seen: list[Candidate],
        before: Arrays,
        after: Arrays,
        hold: int,
        *,
        looked: bool = True,
    ) -> tuple[State, Scene]:
        """Frame number `index`, in which `seen` was found; `looked`: whether anybody has looked. Leaves `after`
        complete. Raises RunError where there is nothing of a wanted class."""
        state = State.read(before, len(self._wishes))
        scene = self._expect(state, sight, before, hold)
        for at, goal in enumerate(state.goals):
            if goal.state == FOLLOWED:
                self._follow(at, goal, scene, seen)
        for at, goal in enumerate(state.goals):
            if goal.state == LOST:
                self._find(at, goal, scene, seen)
        for at, goal in enumerate(state.goals):
            wish = self._wishes[at]
            due = goal.state == WAITING and index >= wish.frame
            if due and (looked or wish.box is not None):  # a class is counted in the next frame that is looked at
                self._begin(at, goal, scene, seen)
        self._remember(state, scene, seen, after)
        return state, scene

    def see_through(self, at: int, goal: Goal, scene: Scene) -> Image | None:
        """Where the ground shines through a target, as between spokes: uint8 [h, w] of the small picture; None where
        nothing is to be told."""
        mine = {number: one for (owner, number), one in scene.taken.items() if owner == at}
        if not mine or not scene.motion.sure:
            return None
        mask, solid = (np.zeros(self.small.size, np.uint8) for _ in range(2))
        for number, one in mine.items():
            cls = goal.parts[number].cls
            for plane in (mask,) if cls >= 0 and self._names[cls] in SEE_THROUGH else (mask, solid):
                view = within(plane, one.patch)
                np.maximum(view, one.patch.mask, out=view)
        return self._scenery.shines_through(scene.sight.picture, mask, solid)

    # Inside

    def _expect(self, state: State, sight: Sight, before: Arrays, hold: int) -> Scene:
        """Move everything that is remembered to where it should be in this picture."""
        motion, carried = STILL, np.zeros(self.small.size, np.uint8)
        if state.frames and any(goal.state != WAITING for goal in state.goals):
            labels = before["labels"]
            motion = motion_between(before["gray"], sight.gray, cv2.dilate(labels, np.ones((9, 9), np.uint8)))
            for goal in state.goals:
                if goal.state != WAITING:
                    old = goal.box
                    shift(goal, motion, coasting=not motion.cut)
                    if goal.state == FOLLOWED and not motion.cut:
                        self._carrier.carry(before["gray"], sight.gray, labels, old, goal.box, carried)
                    if goal.state == LOST:
                        goal.velocity = goal.velocity * np.float32(0.95)
        state.others = [] if motion.cut else others.moved(state.others, motion)
        near = cv2.dilate(carried, np.ones((2 * ROOM + 1, 2 * ROOM + 1), np.uint8))
        self._scenery.move(before, motion, sight.gray, near)
        return Scene(sight, motion, carried, state.others, self._names, hold)

    def _follow(self, at: int, goal: Goal, scene: Scene, seen: list[Candidate]) -> None:
        if goal.parts[0].cls == THING:
            follow_thing(at, goal, scene)
            return
        close = self._closer.at(scene.sight, goal.box)
        follow(at, goal, scene, merged(close, seen))

    def _find(self, at: int, goal: Goal, scene: Scene, seen: list[Candidate]) -> None:
        if goal.parts[0].cls == THING:
            find_thing(at, goal, scene, self._cutter)
            return
        close = self._closer.at(scene.sight, search_box(goal)) if goal.lost < LOOKS else []
        candidates = merged(close, seen)
        if find_again(at, goal, scene, candidates):
            rejoin(at, goal, scene, candidates)

    def _begin(self, at: int, goal: Goal, scene: Scene, seen: list[Candidate]) -> None:
        wish = self._wishes[at]
        if wish.box is None:
            start(at, goal, scene, [by_class(wish, self._names.index(wish.name), seen, self._names)])
            return
        full = inside_picture(wish, *self.small.full)
        assert full is not None
        box = self.small.box(np.array(full, np.float32))
        parts = in_box(box, merged(self._closer.at(scene.sight, box), seen))
        if not parts:
            self._tell(
                f"target {wish.text}: nothing there that {self._closer.name} knows; followed by colour and motion"
            )
            thing = cut_out(scene.sight, box, self._cutter)
            parts = [thing] if thing is not None else []
        if parts:
            start(at, goal, scene, parts)

    def _remember(self, state: State, scene: Scene, seen: list[Candidate], after: Arrays) -> None:
        """Leave the next state complete."""
        labels = np.zeros(self.small.size, np.uint8)
        for (at, number), one in sorted(scene.taken.items(), key=lambda item: item[1].score):
            view = within(labels, one.patch)
            view[one.patch.mask > 0] = label(at, number)
        classes = {part.cls for goal in state.goals for part in goal.parts}
        mine = list(scene.taken.values())
        free = [one for one in seen if one.cls in classes and all(mask_share(one, own) < 0.4 for own in mine)]
        begun = [goal for goal in state.goals if goal.state != WAITING]
        confirmed = all(goal.state == FOLLOWED and not any(part.missed for part in goal.parts) for goal in begun)
        if begun and seen:
            state.others = others.renewed(scene.others, free, doubtful=not confirmed)
        hidden = cv2.dilate(cv2.max(labels, scene.carried), np.ones((2 * ROOM + 1, 2 * ROOM + 1), np.uint8))
        self._scenery.learn(scene.sight.picture, hidden, after, fresh=bool(begun) and confirmed)
        state.frames += 1
        state.write(after)
        np.copyto(after["gray"], scene.sight.gray)
        np.copyto(after["labels"], labels)
