"""Sentences of the reference judge's rationales, as a careful annotator would write them.

Fields: `old` and `new` are objects (`omniedit.scoring.reference.rationale.TruthObject`), `value` is the request,
and `fault` is a sentence about what is wrong. Common words of the shipped student's vocabulary are preferred, because
each is a single token.
"""

from omniedit.scoring.reference.rationale import Shortfall

MISTAKEN = ("The edit does not do what the instruction asks for.", "The edit is not the one that was asked for.")

REMOVED = (
    "The {old} {old.is_} gone and {old.its} place looks like the surroundings.",
    "The {old} {old.is_} gone, and nothing stands out in {old.its} place.",
    "The {old} {old.was} removed as asked.",
)
NOT_GONE = Shortfall(
    unmet=("The {old} {old.is_} still there.", "The {old} {old.was} not removed."),
    partial=("The {old} {old.is_} only partly gone.", "A part of the {old} is left."),
)
ODD_PLACE = Shortfall(
    unmet=(
        "The place of the {old} does not look like its surroundings.",
        "Something else stands out where the {old} {old.was}.",
    ),
    partial=(
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
    unmet=("The {new} {new.was} not added.", "The {new} {new.was} not added as asked."),
    partial=("The {new} {new.was} added only in part.", "Only a part of the {new} was added."),
)
FAINT = Shortfall(
    unmet=(
        "The {new} {new.was} not added, as nothing new stands out.",
        "Nothing new stands out, so the {new} {new.was} not added.",
    ),
    partial=("The {new} {new.was} added but {new.is_} hard to see.", "The {new} {new.is_} there but not clear."),
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
    unmet=("The {old} {old.was} not replaced by {new.a}.", "The {old} {old.was} not swapped for {new.a}."),
    partial=("Only a part of the {old} was swapped.", "The {old} {old.was} swapped only in part."),
)
OLD_REMAINS = Shortfall(
    unmet=("The {old} {old.is_} still there.", "The shape of the {old} is still there."),
    partial=("A part of the {old} is left.", "The {old} {old.was} swapped, but a part of {old.it} is left."),
)
NEW_IS_FAINT = Shortfall(
    unmet=("There {new.is_} no {new} in place of the {old}.", "The {old} {old.was} changed, but not into {new.a}."),
    partial=(
        "The {old} {old.was} swapped, but the {new} {new.is_} hard to see.",
        "The {new} in place of the {old} {new.is_} not clear.",
    ),
)
TOO_ALIKE = Shortfall(
    unmet=("The new object looks the same as the {old}.", "The {old} {old.was} not turned into another object."),
    partial=("The {new} {new.is_} too much like the {old}.", "The new object differs too little from the {old}."),
)
FLOATS = Shortfall(
    unmet=("The {new} {new.is_} far too high above the ground.", "The {new} {new.is_} not on the ground."),
    partial=("The {new} {new.is_} a little too high.", "The {new} {new.is_} a little above the ground."),
)

RECOLOURED = (
    "The {old} {old.is_} now {value}.",
    "The {old} {old.has} turned {value} as asked.",
    "The colour of the {old} is now {value}.",
)
OLD_COLOUR = Shortfall(
    unmet=("The {old} did not turn {value}.", "The {old} {old.has} kept {old.its} old colour."),
    partial=("Only a part of the {old} turned {value}.", "The {old} {old.is_} {value} only in part."),
)
OTHER_COLOUR = Shortfall(
    unmet=("The {old} {old.is_} not {value}.", "The colour of the {old} is not {value}."),
    partial=("The {old} {old.is_} not quite {value}.", "The colour of the {old} is not quite {value}."),
)
TOO_LIGHT = Shortfall(
    unmet=("The {old} {old.is_} far too light for {value}.", "The {old} {old.is_} too light, not {value}."),
    partial=("The {old} {old.is_} a little too light for {value}.", "The {old} {old.is_} light, not quite {value}."),
)
TOO_DARK = Shortfall(
    unmet=("The {old} {old.is_} far too dark for {value}.", "The {old} {old.is_} too dark, not {value}."),
    partial=("The {old} {old.is_} a little too dark for {value}.", "The {old} {old.is_} dark, not quite {value}."),
)

RESURFACED = (
    "The {old} {old.is_} now {value}.",
    "The {old} {old.has} changed to {value} as asked.",
    "The {old} {old.was} turned into {value}.",
)
OLD_SURFACE = Shortfall(
    unmet=("The {old} did not change to {value}.", "The {old} {old.is_} as before."),
    partial=("Only a part of the {old} changed to {value}.", "The {old} {old.is_} {value} only in part."),
)
OLD_TEXTURE = Shortfall(
    unmet=("The old texture of the {old} is still there.", "The {old} {old.has} kept {old.its} old texture."),
    partial=("Some of the old texture of the {old} is left.", "The texture of the {old} changed too little."),
)

NEW_BACKGROUND = (
    "The {value} has been replaced.",
    "There is another {value} now.",
    "The {value} was changed to another one.",
)
OLD_BACKGROUND = Shortfall(
    unmet=("The {value} is still the old one.", "The {value} was not changed."),
    partial=("Only a part of the {value} changed.", "The {value} changed only in part."),
)
BACKGROUND_SHOWS = Shortfall(
    unmet=("The shapes of the old {value} are still there.", "The old {value} is still there."),
    partial=("Some of the old {value} is left.", "The old {value} still shows through."),
)

NEW_ENVIRONMENT = (
    "The light and colours are now those of {value}.",
    "The change to {value} is clear.",
    "The whole scene has changed to {value}.",
)
SAME_ENVIRONMENT = Shortfall(
    unmet=("The scene was not changed to {value}. {fault}", "The change to {value} failed. {fault}"),
    partial=("The change to {value} is weak. {fault}", "The scene changed to {value} only in part. {fault}"),
)
MOSTLY_UNCHANGED = "Most of it is as before."

RESTYLED = (
    "The photo now has the {value} style.",
    "The whole photo is in the {value} style.",
    "The {value} style is clear.",
)
NOT_RESTYLED = Shortfall(
    unmet=("The photo was not restyled.", "The style of the photo has not changed."),
    partial=("The photo was restyled only in part.", "The style of the photo changed only a little."),
)
OTHER_STYLE = Shortfall(
    unmet=("The photo does not have the {value} style. {fault}", "This is not the {value} style. {fault}"),
    partial=("The photo has the {value} style only in part. {fault}", "This is not quite the {value} style. {fault}"),
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
    unmet=("The border is still empty.", "The border was not filled."),
    partial=("Only a part of the border was filled.", "The border is filled only in part."),
)
BORDER_BREAKS = Shortfall(
    unmet=("The border does not continue the photo.", "The new border does not fit the photo."),
    partial=("The border does not quite continue the photo.", "The photo and its border meet in a visible line."),
)

TURNED = (
    "The photo is rotated {value}.",
    "The view was turned {value} as asked.",
    "The whole scene is rotated {value}.",
)
NOT_TURNED = Shortfall(
    unmet=("The photo was not rotated.", "The view is as before."),
    partial=("The photo was rotated too little.", "The rotation is hard to see."),
)
WRONG_TURN = Shortfall(
    unmet=("The photo was not rotated {value}.", "The rotation is not {value}."),
    partial=("The photo is rotated, but not quite {value}.", "The rotation is not quite {value}."),
)

MOVED = (
    "The {old} {old.was} moved to the place that was asked for.",
    "The {old} {old.was} moved as asked, and {old.its} old place is empty.",
    "The {old} {old.has} moved to {old.its} new place.",
)
RESIZED = ("The {old} {old.has} the size that was asked for.", "The size of the {old} was changed as asked.")
REWRITTEN = ("The text now reads '{value}'.", "The text was changed to '{value}' as asked.")
OTHER_TEXT = Shortfall(
    unmet=("The text does not read '{value}'.", "The new text is wrong."),
    partial=("The text does not quite read '{value}'.", "Some letters of the new text are wrong."),
)
BLURRED_TEXT = Shortfall(unmet=("The new text is blurred.",), partial=("The new text is a little soft.",))
OLD_TEXT = Shortfall(unmet=("The old text is still there.",), partial=("A part of the old text is left.",))
WRONG_WAY = Shortfall(
    unmet=("The {old} {old.was} not moved as asked.", "The {old} {old.is_} in the wrong place."),
    partial=("The {old} {old.was} not moved quite as asked.",),
)
WRONG_SIZE = Shortfall(
    unmet=("The size of the {old} is not as asked.", "The {old} {old.has} the wrong size."),
    partial=("The size of the {old} is not quite as asked.",),
)
ELSEWHERE = Shortfall(
    unmet=("The {old} {old.is_} in another place.", "The {old} {old.was} moved too."),
    partial=("The {old} {old.was} moved a little.",),
)
OTHER_THERE = Shortfall(
    unmet=("The {old} {old.is_} not there.", "Something else is there instead of the {old}."),
    partial=("The {old} {old.is_} there only in part.", "The {old} looks different now."),
)
STILL_THERE = Shortfall(
    unmet=("The {old} {old.is_} still in {old.its} old place.", "The {old} {old.is_} there twice."),
    partial=("A part of the {old} is left in {old.its} old place.",),
)

CONDITION_MATCHES = ("The result matches the reference image.",)
CONDITION_DIFFERS = Shortfall(
    unmet=("The result does not match the reference image.", "The reference image shows something else."),
    partial=("The result matches the reference image only in part.", "The reference image fits only in part."),
)

COUNTED = ("The number is as asked.", "The number of objects is right.")
WRONG_NUMBER = Shortfall(
    unmet=("The number is not as asked.", "The edit shows the wrong number."),
    partial=("The number is not quite as asked.",),
)
NUMBER_UNCHANGED = Shortfall(
    unmet=("The number has not changed.", "There are as many as before."), partial=("The number changed only in part.",)
)
ANOTHER_CHANGED = Shortfall(unmet=("Another object changed too.",), partial=("Another object changed a little.",))
OTHER_KIND = Shortfall(
    unmet=("The objects are not of one kind.",), partial=("The objects do not look quite the same.",)
)

RIGHT_ONE = ("The right object was edited.",)
OTHER_MEANT = Shortfall(
    unmet=("The instruction means another object.", "The edited object is not the one that the instruction means."),
    partial=("It is not clear which object the instruction means.",),
)
OTHER_EDITED = Shortfall(
    unmet=("The wrong one of several objects was edited.", "Another object was edited instead."),
    partial=("Another object changed too.",),
)

NOTHING_ELSE_CHANGED = (
    "Nothing else changed.",
    "The rest of the photo is as before.",
    "Nothing changed outside the edit.",
)
REST_CHANGED = Shortfall(
    unmet=("Much of the rest of the photo changed too.", "The edit changed the rest of the photo too."),
    partial=("The rest of the photo changed a little.", "A little has changed outside the edit."),
)
EDIT_IS_EVERYWHERE = ("The edit covers the whole photo.", "Nothing is outside the edit.")

SHAPES_KEPT = ("The shapes are kept.", "All shapes are as before.", "The shapes of the scene are kept.")
SHAPES_CHANGED = Shortfall(
    unmet=("The shapes of the scene are lost.", "It is not the same scene."),
    partial=("Some shapes are lost.", "Some of the shapes changed."),
)

NO_FAULTS = ("There are no marks of editing.", "No marks of editing stand out.", "The edit looks clean.")
SMALL_FAULTS = ("The edit looks clean apart from {faults}.", "There are small marks of editing, such as {faults}.")
FAULTS = ("The edit suffers from {faults}.", "The edit shows {faults}.")
LARGE_FAULTS = ("The edit is spoiled by {faults}.", "The edit looks bad because of {faults}.")
