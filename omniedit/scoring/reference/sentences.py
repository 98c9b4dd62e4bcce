"""Sentences of the reference judge's rationales, as a careful annotator would write them.

Fields: `old` and `new` are objects (`omniedit.scoring.reference.rationale.Thing`), `value` is what was requested.
"""

from omniedit.scoring.reference.rationale import Lack

MISTAKEN = (
    "The edit does something else than the instruction asks.",
    "Something else was done than what was asked.",
)

REMOVED = (
    "The {old} {old.is_} gone and {old.its} place looks like the surroundings.",
    "The {old} {old.has} been removed, and {old.its} place matches the surroundings.",
    "Only the surroundings are visible where the {old} {old.was}.",
)
NOT_GONE = Lack(
    missed=("The {old} {old.is_} still there.", "The {old} {old.was} not removed."),
    partly=("The {old} {old.is_} only partly gone.", "Parts of the {old} are still visible."),
)
ODD_PLACE = Lack(
    missed=(
        "The place of the {old} does not match the surroundings.",
        "Something else stands out where the {old} {old.was}.",
    ),
    partly=(
        "The {old} {old.is_} gone, but {old.its} place stands out a little.",
        "The place of the {old} does not quite match the surroundings.",
    ),
)

ADDED = (
    "The {new} {new.was} added and {new.is_} clearly visible.",
    "The edited image clearly shows the {new}.",
    "The {new} {new.has} been added as asked.",
)
NOT_ADDED = Lack(
    missed=("The {new} {new.was} not added.", "Nothing new is visible, so the {new} {new.was} not added."),
    partly=("The {new} {new.was} added only in part.", "Only a part of the {new} was added."),
)
FAINT = Lack(
    missed=(
        "The {new} {new.was} not added in a way that stands out.",
        "Nothing new stands out, so the {new} {new.was} not added.",
    ),
    partly=("The {new} {new.was} added but {new.is_} hard to see.", "The {new} {new.is_} only faintly visible."),
)
SOURCE_STANDS_OUT = "The source image already looks wrong in that place."
SOURCE_IS_SMEARED = "The source image is smeared in that place."
SOURCE_SHOWS_TRACES = "The source image already shows traces of the {new}."

SWAPPED = (
    "The {old} {old.is_} replaced by {new.a}. The new object is clearly visible and nothing of the {old} remains.",
    "In place of the {old} there {new.is_} now {new.a}.",
    "The {old} {old.has} been swapped for {new.a} as asked.",
)
NOT_REPLACED = Lack(
    missed=("The {old} {old.was} not replaced by {new.a}.", "The {old} {old.was} not swapped for {new.a}."),
    partly=("Only a part of the {old} was replaced by {new.a}.", "The {old} {old.is_} only partly replaced."),
)
OLD_REMAINS = Lack(
    missed=("The {old} {old.is_} still visible.", "The shape of the {old} is still there."),
    partly=("Parts of the {old} can still be seen.", "The {old} {old.is_} replaced, but traces of {old.it} remain."),
)
NEW_IS_FAINT = Lack(
    missed=(
        "No {new} can be seen in place of the {old}.",
        "The {old} {old.was} changed, but no {new} {new.is_} visible.",
    ),
    partly=(
        "The {new} in place of the {old} {new.is_} hard to see.",
        "The {new} {new.is_} only faintly visible in place of the {old}.",
    ),
)
TOO_ALIKE = Lack(
    missed=("The new object looks the same as the {old}.", "What is in place of the {old} looks just like {old.it}."),
    partly=("The new object looks too much like the {old}.", "The new object differs too little from the {old}."),
)
FLOATS = Lack(
    missed=("The {new} {new.is_} far too high above the ground.", "The {new} {new.is_} floating in the air."),
    partly=("The {new} {new.is_} placed a little too high.", "The {new} {new.is_} a little above the ground."),
)

RECOLOURED = (
    "The {old} {old.is_} now {value}.",
    "The {old} {old.has} turned {value} as asked.",
    "The colour of the {old} is now {value}.",
)
OLD_COLOUR = Lack(
    missed=("The {old} did not turn {value}.", "The {old} {old.has} kept {old.its} old colour."),
    partly=("Only a part of the {old} turned {value}.", "The {old} {old.is_} {value} only in part."),
)
OTHER_COLOUR = Lack(
    missed=("The {old} {old.is_} not {value}.", "The colour of the {old} is not {value}."),
    partly=("The {old} {old.is_} not quite {value}.", "The colour of the {old} is not quite {value}."),
)
TOO_LIGHT = Lack(
    missed=("The {old} {old.is_} far too light for {value}.",),
    partly=("The {old} {old.is_} a little too light for {value}.",),
)
TOO_DARK = Lack(
    missed=("The {old} {old.is_} far too dark for {value}.",),
    partly=("The {old} {old.is_} a little too dark for {value}.",),
)

RESURFACED = (
    "The {old} {old.is_} now {value}.",
    "The {old} {old.has} changed to {value} as asked.",
    "The surface of the {old} is now {value}.",
)
OLD_SURFACE = Lack(
    missed=("The {old} did not change to {value}.", "The {old} {old.looks} as before."),
    partly=("Only a part of the {old} changed to {value}.", "The {old} {old.is_} {value} only in part."),
)
OLD_TEXTURE = Lack(
    missed=("The old texture of the {old} is still there.", "The {old} {old.has} kept {old.its} old texture."),
    partly=("The old texture of the {old} still shows through.", "The texture of the {old} changed too little."),
)

NEW_BACKGROUND = (
    "The old {value} is gone and another one is there now.",
    "The {value} has been replaced.",
    "Nothing of the old {value} is left.",
)
OLD_BACKGROUND = Lack(
    missed=("The {value} is still the old one.", "The {value} was not replaced."),
    partly=("Only a part of the {value} was replaced.", "The {value} changed only in part."),
)
BACKGROUND_SHOWS = Lack(
    missed=("The shapes of the old {value} are still there.", "The old {value} is still visible."),
    partly=("The old {value} still shows through in places.", "Some of the old {value} is still visible."),
)

NEW_ENVIRONMENT = (
    "The scene clearly shows {value}.",
    "The change to {value} is clear.",
    "The whole scene has changed to {value}.",
)
SAME_ENVIRONMENT = Lack(
    missed=("The scene does not show {value}. {fault}", "The change to {value} failed. {fault}"),
    partly=("The change to {value} is weak. {fault}", "The scene shows {value} only in part. {fault}"),
)
MOSTLY_UNCHANGED = "Most of the image looks as before."

RESTYLED = (
    "The image now has the {value} style.",
    "The whole image is in the {value} style.",
    "The {value} style is easy to recognise.",
)
NOT_RESTYLED = Lack(
    missed=("The image was not restyled.", "The style of the image has hardly changed."),
    partly=("The image is restyled only in part.", "The style of the image changed only a little."),
)
OTHER_STYLE = Lack(
    missed=("The image does not have the {value} style. {fault}", "This is not the {value} style. {fault}"),
    partly=("The image has the {value} style only in part. {fault}", "This is not quite the {value} style. {fault}"),
)
NO_STYLE = "Its colours and strokes do not fit."
FAILED_STYLES = {
    "failure: the photo itself": "It still looks like the photo.",
    "failure: blotches": "It shows blotches of colour instead.",
    "failure: blotches over the photo": "It shows the photo under blotches of colour.",
    "failure: negative": "It looks like a negative.",
    "failure: blur": "It is only blurred.",
    "failure: noise": "It is only noisy.",
    "failure: dark": "It is only darker.",
    "failure: other hues": "Only its colours changed.",
}
"""Sentences about the failures in `styles.npz`."""

NOTHING_ELSE_CHANGED = (
    "Nothing else changed.",
    "The rest of the image is as before.",
    "Everything outside the edit is unchanged.",
)
REST_CHANGED = Lack(
    missed=("Much of the rest of the image changed too.", "The edit also changed the rest of the image."),
    partly=("The rest of the image changed a little.", "Small changes are visible outside the edit."),
)
EDIT_IS_EVERYWHERE = ("The edit covers the whole image.", "No part of the image is outside the edit.")

SHAPES_KEPT = ("The shapes of the scene are kept.", "All shapes are still in place.")
SHAPES_CHANGED = Lack(
    missed=("The shapes of the scene are lost.", "The scene is no longer the same."),
    partly=("Some shapes of the scene are lost.", "The shapes of the scene changed in places."),
)

NO_FAULTS = ("There are no marks of editing.", "No faults are visible.", "The result looks clean.")
SMALL_FAULTS = ("The result is clean apart from {faults}.", "Only {faults} can be seen on a close look.")
FAULTS = ("The result shows {faults}.", "The quality suffers from {faults}.")
LARGE_FAULTS = ("The result is spoiled by {faults}.", "The quality is poor because of {faults}.")
