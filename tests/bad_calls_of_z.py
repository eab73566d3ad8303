"""Bad calls of evaluate.py that encode, decode or interpolate; see ``bad_calls.py``."""

# Settings and test images that do not exist: exit status 2.
REQUESTS = [
    ("evaluate", "--encode ''", "^flag --encode=: expected a path, or several with commas"),
    ("evaluate", "--encode a.png,,b.png", "^flag --encode=a.png,,b.png: expected a path"),
    ("evaluate", "--decode ''", "^flag --decode=: expected a path"),
    ("evaluate", "--traverse 3", "^flag --traverse=3: expected true or false"),
    ("evaluate", "--interpolate 3", "^flag --interpolate=3: expected two test images by number"),
    ("evaluate", "--interpolate 3,4,5", "such as 3,17 or a.png,b.png; several pairs with semicol"),
    ("evaluate", "--interpolate '3,4;5'", "^flag --interpolate=3,4;5: expected two test images"),
    (
        "evaluate",
        "--run_name ready --interpolate 3,360",
        "^flag --interpolate: 360 is no test image: expected a number from 0 to 359, or an image",
    ),
    ("evaluate", "--compare ready,young --encode a.png", "^--compare names its runs, and --encode"),
]

# Files that cannot be used: exit status 1.
FILES = [
    ("evaluate", "--run_name ready --encode none.png", "^there is no file none.png"),
    ("evaluate", "--run_name ready --encode none.npz", "^there is no file none.npz"),
    ("evaluate", "--run_name own --encode {own}/empty", "^{own}/empty holds no images: expected"),
    (
        "evaluate",
        "--run_name ready --encode {own}/good",
        "^{own}/good/0.png has 4×4 pixels, and the run was trained on images of 8×8: resize it to",
    ),
    (
        "evaluate",
        "--run_name own --encode {own}/good,{own}/x.txt",
        "^{own}/good is not an image: expected image files with commas between them",
    ),
    ("evaluate", "--run_name own --encode {own}/bad", "^{own}/bad/3.png is not an image, or of"),
    ("evaluate", "--run_name own --encode {own}/loop", "leads back to a folder that contains it"),
    ("evaluate", "--run_name own --encode {own}/nan.npy", "has the value nan in the array at [2,"),
    ("evaluate", "--run_name own --encode {own}/keys.npz", "save the images under the name images"),
    ("evaluate", "--run_name own --encode {own}/text.npy", "^{own}/text.npy cannot be read"),
    ("evaluate", "--run_name own --interpolate {own}/x.txt,0", "^{own}/x.txt is not an image"),
    ("evaluate", "--run_name own --interpolate 0,{own}/good", "^{own}/good is not an image"),
    ("evaluate", "--run_name ready --decode none.npz", "^there is no file {root}/none.npz"),
    ("evaluate", "--run_name ready --decode {own}", "^{own} cannot be read ("),
    ("evaluate", "--run_name ready --decode {own}/text.npy", "^{own}/text.npy cannot be read"),
    ("evaluate", "--run_name ready --decode {own}/good/0.png", "0.png cannot be read ("),
    (
        "evaluate",
        "--run_name ready --decode {own}/x.npz",
        "^{own}/x.npz has no array z or z_mean: it has images uint8 (9, 4, 4)",
    ),
    (
        "evaluate",
        "--run_name ready --decode {own}/nan.npy",
        "has the array float32 (9, 4, 4): expected numbers of shape (num, 10), as the run has 10",
    ),
]
