"""Sentences of the reference judge's rationales, as a careful annotator would write them.

Fields: `old` and `new` are objects (`omniedit.scoring.reference.rationale.TruthObject`), `value` is the request,
and `fault` is a sentence about what is wrong. Common words of the shipped student's vocabulary are preferred, because
each is a single token.
"""

from omniedit.scoring.reference.rationale import Shortfall

MISTAKEN = (
    "The edit does not do what the instruction asks for.",
    "The edit is not the one that was asked for.",
)

REMOVED = (
    "The {old} {old.is_} gone and {old.its} place looks like the surroundings.",
    "The {old} {old.is_} gone, and nothing stands out in {old.its} place.",
    "The {old} {old.was} removed as asked.",
)
NOT_GONE = Shortfall(
    missed=("The {old} {old.is_} still there.", "The {old} {old.was} not removed."),
    partly=("The {old} {old.is_} only partly gone.", "A part of the {old} is left."),
)
ODD_PLACE = Shortfall(
    missed=(
        "The place of the {old} does not look like its surroundings.",
        "Something else stands out where the {old} {old.was}.",
    ),
    partly=(
        "The {old} {old.is_} gone, but {old.its} place stands out a little.",
        "The place of the {old} differs a little from its surroundings.",
    ),
)

ADDED = (
    "The {new} {new.was} added and {new.is_} clearly visible.",
    "The {new} {new.was} added as asked.",
    "The photo now shows {new.a}.",
)
NOT_ADDED = Shortfall(
    missed=("The {new} {new.was} not added.", "The {new} {new.was} not added as asked."),
    partly=("The {new} {new.was} added only in part.", "Only a part of the {new} was added."),
)
FAINT = Shortfall(
    missed=(
        "The {new} {new.was} not added, as nothing new stands out.",
        "Nothing new stands out, so the {new} {new.was} not added.",
    ),
    partly=("The {new} {new.was} added but {new.is_} hard to see.", "The {new} {new.is_} there but not clear."),
)
SOURCE_STANDS_OUT = "The source image already looks wrong in that place."
SOURCE_IS_SMEARED = "The source image is smeared in that place."
SOURCE_SHOWS_TRACES = "The source image already shows a part of the {new}."

SWAPPED = (
    "The {old} {old.is_} replaced by {new.a}. The new object is clearly visible and nothing of the {old} remains.",
    "In place of the {old} there {new.is_} now {new.a}.",
    "The {old} {old.was} swapped for {new.a} as asked.",
)
NOT_REPLACED = Shortfall(
    missed=("The {old} {old.was} not replaced by {new.a}.", "The {old} {old.was} not swapped for {new.a}."),
    partly=("Only a part of the {old} was swapped.", "The {old} {old.was} swapped only in part."),
)
OLD_REMAINS = Shortfall(
    missed=("The {old} {old.is_} still there.", "The shape of the {old} is still there."),
    partly=("A part of the {old} is left.", "The {old} {old.was} swapped, but a part of {old.it} is left."),
)
NEW_IS_FAINT = Shortfall(
    missed=(
        "There {new.is_} no {new} in place of the {old}.",
        "The {old} {old.was} changed, but not into {new.a}.",
    ),
    partly=(
        "The {old} {old.was} swapped, but the {new} {new.is_} hard to see.",
        "The {new} in place of the {old} {new.is_} not clear.",
    ),
)
TOO_ALIKE = Shortfall(
    missed=("The new object looks the same as the {old}.", "The {old} {old.was} not turned into another object."),
    partly=("The {new} {new.is_} too much like the {old}.", "The new object differs too little from the {old}."),
)
FLOATS = Shortfall(
    missed=("The {new} {new.is_} far too high above the ground.", "The {new} {new.is_} not on the ground."),
    partly=("The {new} {new.is_} a little too high.", "The {new} {new.is_} a little above the ground."),
)

RECOLOURED = (
    "The {old} {old.is_} now {value}.",
    "The {old} {old.has} turned {value} as asked.",
    "The colour of the {old} is now {value}.",
)
OLD_COLOUR = Shortfall(
    missed=("The {old} did not turn {value}.", "The {old} {old.has} kept {old.its} old colour."),
    partly=("Only a part of the {old} turned {value}.", "The {old} {old.is_} {value} only in part."),
)
OTHER_COLOUR = Shortfall(
    missed=("The {old} {old.is_} not {value}.", "The colour of the {old} is not {value}."),
    partly=("The {old} {old.is_} not quite {value}.", "The colour of the {old} is not quite {value}."),
)
TOO_LIGHT = Shortfall(
    missed=("The {old} {old.is_} far too light for {value}.", "The {old} {old.is_} too light, not {value}."),
    partly=("The {old} {old.is_} a little too light for {value}.", "The {old} {old.is_} light, not quite {value}."),
)
TOO_DARK = Shortfall(
    missed=("The {old} {old.is_} far too dark for {value}.", "The {old} {old.is_} too dark, not {value}."),
    partly=("The {old} {old.is_} a little too dark for {value}.", "The {old} {old.is_} dark, not quite {value}."),
)

RESURFACED = (
    "The {old} {old.is_} now {value}.",
    "The {old} {old.has} changed to {value} as asked.",
    "The {old} {old.was} turned into {value}.",
)
OLD_SURFACE = Shortfall(
    missed=("The {old} did not change to {value}.", "The {old} {old.is_} as before."),
    partly=("Only a part of the {old} changed to {value}.", "The {old} {old.is_} {value} only in part."),
)
OLD_TEXTURE = Shortfall(
    missed=("The old texture of the {old} is still there.", "The {old} {old.has} kept {old.its} old texture."),
    partly=("Some of the old texture of the {old} is left.", "The texture of the {old} changed too little."),
)

NEW_BACKGROUND = (
    "The {value} has been replaced.",
    "There is another {value} now.",
    "The {value} was changed to another one.",
)
OLD_BACKGROUND = Shortfall(
    missed=("The {value} is still the old one.", "The {value} was not changed."),
    partly=("Only a part of the {value} changed.", "The {value} changed only in part."),
)
BACKGROUND_SHOWS = Shortfall(
    missed=("The shapes of the old {value} are still there.", "The old {value} is still there."),
    partly=("Some of the old {value} is left.", "The old {value} still shows through."),
)

NEW_ENVIRONMENT = (
    "The light and colours are now those of {value}.",
    "The change to {value} is clear.",
    "The whole scene has changed to {value}.",
)
SAME_ENVIRONMENT = Shortfall(
    missed=("The scene was not changed to {value}. {fault}", "The change to {value} failed. {fault}"),
    partly=("The change to {value} is weak. {fault}", "The scene changed to {value} only in part. {fault}"),
)
MOSTLY_UNCHANGED = "Most of it is as before."

RESTYLED = (
    "The photo now has the {value} style.",
    "The whole photo is in the {value} style.",
    "The {value} style is clear.",
)
NOT_RESTYLED = Shortfall(
    missed=("The photo was not restyled.", "The style of the photo has not changed."),
    partly=("The photo was restyled only in part.", "The style of the photo changed only a little."),
)
OTHER_STYLE = Shortfall(
    missed=("The photo does not have the {value} style. {fault}", "This is not the {value} style. {fault}"),
    partly=("The photo has the {value} style only in part. {fault}", "This is not quite the {value} style. {fault}"),
)
NO_STYLE = "The colours and strokes do not fit."
FAILED_STYLES = {
    "failure: the photo itself": "It still looks like the photo.",
    "failure: blotches": "It shows blotches of colour instead.",
    "failure: blotches over the photo": "It shows the photo under blotches of colour.",
    "failure: negative": "It looks like a negative.",
    "failure: blur": "It is only blurred.",
    "failure: noise": "It only has more noise.",
    "failure: dark": "It is only darker.",
    "failure: other hues": "Only the colours changed.",
}
"""Sentences about the failures in `styles.npz`."""

OUTPAINTED = (
    "The empty border now continues the scene.",
    "The scene continues into the border as asked.",
    "The border was filled with the rest of the scene.",
)
BORDER_IS_EMPTY = Shortfall(
    missed=("The border is still empty.", "The border was not filled."),
    partly=("Only a part of the border was filled.", "The border is filled only in part."),
)
BORDER_BREAKS = Shortfall(
    missed=("The border does not continue the photo.", "The new border does not fit the photo."),
    partly=("The border does not quite continue the photo.", "The photo and its border meet in a visible line."),
)

TURNED = (
    "The photo is rotated {value}.",
    "The view was turned {value} as asked.",
    "The whole scene is rotated {value}.",
)
NOT_TURNED = Shortfall(
    missed=("The photo was not rotated.", "The view is as before."),
    partly=("The photo was rotated too little.", "The rotation is hard to see."),
)
WRONG_TURN = Shortfall(
    missed=("The photo was not rotated {value}.", "The rotation is not {value}."),
    partly=("The photo is rotated, but not quite {value}.", "The rotation is not quite {value}."),
)

MOVED = (
    "The {old} {old.is_} now further away, as asked.",
    "The {old} {old.was} moved as asked, and {old.its} old place is empty.",
    "The {old} {old.has} moved to {old.its} new place.",
)
RESIZED = (
    "The {old} {old.has} the size that was asked for.",
    "The size of the {old} was changed as asked.",
)
REWRITTEN = (
    "The text now reads '{value}'.",
    "The text was changed to '{value}' as asked.",
)
OTHER_TEXT = Shortfall(
    missed=("The text does not read '{value}'.", "The new text is wrong."),
    partly=("The text does not quite read '{value}'.", "Some letters of the new text are wrong."),
)
BLURRED_TEXT = Shortfall(
    missed=("The new text is blurred.",),
    partly=("The new text is a little soft.",),
)
OLD_TEXT = Shortfall(
    missed=("The old text is still there.",),
    partly=("A part of the old text is left.",),
)
WRONG_WAY = Shortfall(
    missed=("The {old} {old.was} not moved as asked.", "The {old} {old.is_} in the wrong place."),
    partly=("The {old} {old.was} not moved quite as asked.",),
)
WRONG_SIZE = Shortfall(
    missed=("The size of the {old} is not as asked.", "The {old} {old.has} the wrong size."),
    partly=("The size of the {old} is not quite as asked.",),
)
ELSEWHERE = Shortfall(
    missed=("The {old} {old.is_} in another place.", "The {old} {old.was} moved too."),
    partly=("The {old} {old.was} moved a little.",),
)
OTHER_THERE = Shortfall(
    missed=("The {old} {old.is_} not there.", "Something else is there instead of the {old}."),
    partly=("The {old} {old.is_} there only in part.", "The {old} looks different now."),
)
STILL_THERE = Shortfall(
    missed=("The {old} {old.is_} still in {old.its} old place.", "The {old} {old.is_} there twice."),
    partly=("A part of the {old} is left in {old.its} old place.",),
)

CONDITION_MATCHES = ("The result matches the reference image.",)
CONDITION_DIFFERS = Shortfall(
    missed=("The result does not match the reference image.", "The reference image shows something else."),
    partly=("The result matches the reference image only in part.", "The reference image fits only in part."),
)

COUNTED = ("The number is as asked.", "The number of objects is right.")
WRONG_NUMBER = Shortfall(
    missed=("The number is not as asked.", "The edit shows the wrong number."),
    partly=("The number is not quite as asked.",),
)
NUMBER_UNCHANGED = Shortfall(
    missed=("The number has not changed.", "There are as many as before."),
    partly=("The number changed only in part.",),
)
ANOTHER_CHANGED = Shortfall(
    missed=("Another object changed too.",),
    partly=("Another object changed a little.",),
)
OTHER_KIND = Shortfall(
    missed=("The objects are not of one kind.",),
    partly=("The objects do not look quite the same.",),
)

RIGHT_ONE = ("The right object was edited.",)
OTHER_MEANT = Shortfall(
    missed=("The instruction means another object.", "The edited object is not the one that the instruction means."),
    partly=("It is not clear which object the instruction means.",),
)
OTHER_EDITED = Shortfall(
    missed=("The wrong one of several objects was edited.", "Another object was edited instead."),
    partly=("Another object changed too.",),
)

NOTHING_ELSE_CHANGED = (
    "Nothing else changed.",
    "The rest of the photo is as before.",
    "Nothing changed outside the edit.",
)
REST_CHANGED = Shortfall(
    missed=("Much of the rest of the photo changed too.", "The edit changed the rest of the photo too."),
    partly=("The rest of the photo changed a little.", "A little has changed outside the edit."),
)
EDIT_IS_EVERYWHERE = ("The edit covers the whole photo.", "Nothing is outside the edit.")

SHAPES_KEPT = ("The shapes are kept.", "All shapes are as before.", "The shapes of the scene are kept.")
SHAPES_CHANGED = Shortfall(
    missed=("The shapes of the scene are lost.", "It is not the same scene."),
    partly=("Some shapes are lost.", "Some of the shapes changed."),
)

NO_FAULTS = ("There are no marks of editing.", "No marks of editing stand out.", "The edit looks clean.")
SMALL_FAULTS = (
    "The edit looks clean apart from {faults}.",
    "There are small marks of editing, such as {faults}.",
)
FAULTS = ("The edit suffers from {faults}.", "The edit shows {faults}.")
LARGE_FAULTS = ("The edit is spoiled by {faults}.", "The edit looks bad because of {faults}.")
