"""Sentences of the reference judge's rationales, as a careful annotator would write them.

Fields: `old` and `new` are objects (`omniedit.scoring.reference.rationale.TruthObject`), `value` is the request,
and `fault` is a sentence about what is wrong. Common words of the shipped student's vocabulary are preferred, because
each is a single token.
"""

from omniedit.scoring.reference.rationale import Shortfall

MISTAKEN = ("The edit does not do what the instruction asks for.", "This is not the edit that was asked for.")

REMOVED = (
    "The {old} {old.is_} gone and the area matches its surroundings.",
    "The {old} {old.is_} gone, and nothing stands out where {old.it_} {old.was}.",
    "The {old} {old.was} removed as asked.",
)
NOT_GONE = Shortfall(
    unmet=("The {old} {old.is_} still there.", "The {old} {old.was} not removed."),
    partial=("The {old} {old.is_} only partly gone.", "Part of the {old} is left."),
)
ODD_PLACE = Shortfall(
    unmet=(
        "The area where the {old} {old.was} does not match its surroundings.",
        "Something else stands out where the {old} {old.was}.",
    ),
    partial=(
        "The {old} {old.is_} gone, but the area stands out a little.",
        "The area where the {old} {old.was} differs a little from its surroundings.",
    ),
)

ADDED = (
    "The {new} {new.was} added and {new.is_} clearly visible.",
    "The {new} {new.was} added as asked.",
    "The photo now shows {new.a}.",
)
NOT_ADDED = Shortfall(
    unmet=("The {new} {new.was} not added.", "The {new} {new.was} not added as asked."),
    partial=("The {new} {new.was} only partly added.", "Only part of the {new} was added."),
)
FAINT = Shortfall(
    unmet=(
        "The {new} {new.was} not added, and nothing new stands out.",
        "Nothing new stands out where the {new} should be.",
    ),
    partial=("The {new} {new.was} added but {new.is_} hard to see.", "The {new} can only just be seen."),
)
SOURCE_STANDS_OUT = "The source image already looks wrong there."
SOURCE_IS_SMEARED = "The source image is smeared there."
SOURCE_SHOWS_TRACES = "The source image already shows part of the {new}."

SWAPPED = (
    "The {old} {old.is_} replaced by {new.a}. The new object is clearly visible and nothing of the {old} remains.",
    "There {new.is_} now {new.a} in place of the {old}.",
    "The {old} {old.was} swapped for {new.a} as asked.",
)
NOT_REPLACED = Shortfall(
    unmet=("The {old} {old.was} not replaced by {new.a}.", "The {old} {old.was} not swapped for {new.a}."),
    partial=("Only part of the {old} was swapped.", "The {old} {old.was} only partly swapped."),
)
OLD_REMAINS = Shortfall(
    unmet=("The {old} {old.is_} still there.", "The shape of the {old} is still there."),
    partial=("Part of the {old} is left.", "The {old} {old.was} swapped, but part of {old.it} is left."),
)
NEW_IS_FAINT = Shortfall(
    unmet=("There {new.is_} no {new} where the {old} {old.was}.", "The {old} {old.was} changed, but not into {new.a}."),
    partial=(
        "The {old} {old.was} swapped, but the {new} {new.is_} hard to see.",
        "The {new} in place of the {old} can only just be seen.",
    ),
)
TOO_ALIKE = Shortfall(
    unmet=("The new object looks the same as the {old}.", "The {old} {old.was} not turned into another object."),
    partial=("The {new} {new.is_} too much like the {old}.", "The new object looks too similar to the {old}."),
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
    partial=("Only part of the {old} turned {value}.", "The {old} {old.is_} only partly {value}."),
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
    "The surface of the {old} has changed to {value} as asked.",
    "The {old} now {old.looks} like {value}.",
)
OLD_SURFACE = Shortfall(
    unmet=("The {old} did not change to {value}.", "The {old} {old.looks} the same as before."),
    partial=("Only part of the {old} changed to {value}.", "The {old} {old.is_} only partly {value}."),
)
OLD_TEXTURE = Shortfall(
    unmet=("The old texture of the {old} is still there.", "The {old} {old.has} kept {old.its} old texture."),
    partial=("Some of the old texture of the {old} is left.", "The texture of the {old} changed too little."),
)

NEW_BACKGROUND = (
    "The {value} has been replaced.",
    "There is a new {value} now.",
    "The {value} was changed to a new one.",
)
OLD_BACKGROUND = Shortfall(
    unmet=("The {value} is still the same.", "The {value} was not changed."),
    partial=("Only part of the {value} changed.", "The {value} only partly changed."),
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
    partial=("The change to {value} is weak. {fault}", "The scene only partly changed to {value}. {fault}"),
)
MOSTLY_UNCHANGED = "Most of the scene looks the same as before."

RESTYLED = (
    "The photo now has the {value} style.",
    "The whole photo is in the {value} style.",
    "The {value} style is easy to recognise.",
)
NOT_RESTYLED = Shortfall(
    unmet=("The photo was not restyled.", "The style of the photo has not changed."),
    partial=("The photo was only partly restyled.", "The style of the photo changed only a little."),
)
OTHER_STYLE = Shortfall(
    unmet=("The photo does not have the {value} style. {fault}", "This is not the {value} style. {fault}"),
    partial=("The photo is only roughly in the {value} style. {fault}", "This is not quite the {value} style. {fault}"),
)
NO_STYLE = "The colours and strokes do not fit."
FAILED_STYLES = {
    "failure: the photo itself": "It still looks like a photo.",
    "failure: blotches": "It shows blotches of colour instead.",
    "failure: blotches over the photo": "It shows the photo under blotches of colour.",
    "failure: negative": "It looks like a negative.",
    "failure: blur": "The photo was only blurred.",
    "failure: noise": "Only noise was added to the photo.",
    "failure: dark": "The photo was only darkened.",
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
    partial=("Only part of the border was filled.", "The border is only partly filled."),
)
BORDER_BREAKS = Shortfall(
    unmet=("The border does not continue the photo.", "The filled border does not fit the photo."),
    partial=("The border does not quite continue the photo.", "A line is visible between the photo and its border."),
)

TURNED = (
    "The photo is rotated {value}.",
    "The view was turned {value} as asked.",
    "The whole scene is rotated {value}.",
)
NOT_TURNED = Shortfall(
    unmet=("The photo was not rotated.", "The view has not changed."),
    partial=("The photo was rotated too little.", "The rotation is hard to see."),
)
WRONG_TURN = Shortfall(
    unmet=("The photo was not rotated {value}.", "The photo was rotated, but not {value}."),
    partial=("The photo is rotated, but not quite {value}.", "The photo was not rotated quite {value}."),
)

MOVED = (
    "The {old} {old.was} moved to the place that was asked for.",
    "The {old} {old.was} moved as asked, and nothing is left in the old place.",
    "The {old} {old.has} moved to {old.its} new place.",
)
RESIZED = ("The {old} now {old.has} the size that was asked for.", "The size of the {old} was changed as asked.")
REWRITTEN = ("The text now reads '{value}'.", "The text was changed to '{value}' as asked.")
OTHER_TEXT = Shortfall(
    unmet=("The text does not read '{value}'.", "The new text is wrong."),
    partial=("The text does not quite read '{value}'.", "Some letters of the new text are wrong."),
)
BLURRED_TEXT = Shortfall(unmet=("The new text is blurred.",), partial=("The new text is a little soft.",))
OLD_TEXT = Shortfall(unmet=("The old text is still there.",), partial=("Part of the old text is left.",))
WRONG_WAY = Shortfall(
    unmet=("The {old} {old.was} not moved as asked.", "The {old} {old.is_} in the wrong place."),
    partial=("The {old} {old.was} not moved quite as asked.",),
)
WRONG_SIZE = Shortfall(
    unmet=("The size of the {old} is not as asked.", "The {old} {old.has} the wrong size."),
    partial=("The size of the {old} is not quite as asked.",),
)
ELSEWHERE = Shortfall(
    unmet=("The {old} {old.is_} in a different place.", "The {old} {old.was} moved as well."),
    partial=("The {old} {old.was} moved a little.",),
)
OTHER_THERE = Shortfall(
    unmet=("The {old} {old.is_} not there.", "Something else is there instead of the {old}."),
    partial=("Only part of the {old} is there.", "The {old} now {old.looks} different."),
)
STILL_THERE = Shortfall(
    unmet=("The {old} {old.is_} still in {old.its} old place.", "The {old} {old.is_} there twice."),
    partial=("Part of the {old} is left in {old.its} old place.",),
)

CONDITION_MATCHES = ("The result matches the reference image.",)
CONDITION_DIFFERS = Shortfall(
    unmet=("The result does not match the reference image.", "The reference image shows something else."),
    partial=("The result only partly matches the reference image.", "Some of it differs from the reference image."),
)

COUNTED = ("The number of objects is as asked.", "The number of objects is right.")
WRONG_NUMBER = Shortfall(
    unmet=("The number of objects is not as asked.", "The edited image shows the wrong number of objects."),
    partial=("The number of objects is not quite as asked.",),
)
NUMBER_UNCHANGED = Shortfall(
    unmet=("The number of objects has not changed.", "There are as many objects as before."),
    partial=("Only some of the objects changed.",),
)
ANOTHER_CHANGED = Shortfall(unmet=("Another object changed too.",), partial=("Another object changed a little.",))
OTHER_KIND = Shortfall(
    unmet=("The objects are not all of the same kind.",), partial=("The objects do not look quite the same.",)
)

RIGHT_ONE = ("The right object was edited.",)
OTHER_MEANT = Shortfall(
    unmet=("The instruction refers to another object.", "The edit changed a different object from the one described."),
    partial=("It is not clear which object the instruction refers to.",),
)
OTHER_EDITED = Shortfall(
    unmet=("The wrong object was edited.", "Another object was edited instead."),
    partial=("Another object changed too.",),
)

NOTHING_ELSE_CHANGED = (
    "Nothing else changed.",
    "The rest of the photo looks the same as before.",
    "Nothing changed outside the edit.",
)
REST_CHANGED = Shortfall(
    unmet=("Much of the rest of the photo changed too.", "The edit changed the rest of the photo too."),
    partial=("The rest of the photo changed a little.", "A little has changed outside the edit."),
)
ANOTHER_PART_CHANGED = Shortfall(
    unmet=("Another part of the photo was replaced too.", "A large area outside the edit changed too."),
    partial=("Another part of the photo changed too.", "An area outside the edit changed too."),
)
EDIT_IS_EVERYWHERE = ("The edit covers the whole photo.", "The whole photo is part of the edit.")

SHAPES_KEPT = ("The shapes are kept.", "All shapes are the same as before.", "The shapes of the scene are kept.")
SHAPES_CHANGED = Shortfall(
    unmet=("The shapes of the scene are lost.", "This is no longer the same scene."),
    partial=("Some shapes are lost.", "Some of the shapes changed."),
)

NO_FAULTS = ("There are no signs of editing.", "No signs of editing stand out.", "The edit looks clean.")
SMALL_FAULTS = ("The edit looks clean apart from {faults}.", "There are small signs of editing, such as {faults}.")
FAULTS = ("The edit suffers from {faults}.", "The edit shows {faults}.")
LARGE_FAULTS = ("The edit is spoiled by {faults}.", "The edit looks bad because of {faults}.")
