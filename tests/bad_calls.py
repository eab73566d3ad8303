"""Bad calls of both scripts: the words typed, the exit status, and a part of the error message.

``test_bad_calls.py`` creates the folders that the calls name, runs the calls and checks them.
``{runs}`` stands for the folder of trained runs, ``{flags}`` for that of flag files, ``{images}``
for a folder of datasets, ``{own}`` for one of images and arrays, ``{root}`` for the folder of
the call, ``{long}`` and ``{many}`` for values that are too long. A part that begins with ``^``
must follow the script's name.
"""

from typing import NamedTuple

from tests import bad_calls_of_z


class BadCall(NamedTuple):
    """One call: a script, its arguments as in a shell, the exit status, and the message."""

    script: str
    words: str
    status: int
    says: str


USAGE, OTHER = 2, 1  # exit statuses of a bad command line, and of other errors

# Types and ranges; names that do not exist.
VALUES = [
    ("train", "--latent_dim x", "^flag --latent_dim=x: expected an integer of at least 1"),
    ("train", "--latent_dim 0", "^flag --latent_dim=0: expected an integer of at least 1"),
    ("train", "--latent_dim -1", "^flag --latent_dim=-1: expected an integer"),
    ("train", "--latent_dim 2.5", "^flag --latent_dim=2.5: expected an integer"),
    ("train", "--latent_dim 1000001", "at most 1000000"),
    ("train", "--latent_dim ''", "^flag --latent_dim=: expected an integer"),
    ("train", "--latent_dim ٣٣٣٣٣٣٣٣٣", "expected an integer"),
    ("train", "--latent_dim", "^Missing value for flag --latent_dim"),
    ("train", "--batch_size 0", "^flag --batch_size=0: expected an integer of at least 1"),
    ("train", "--batch_size 1e3", "^flag --batch_size=1e3: expected an integer"),
    ("train", "--num_epochs -5", "^flag --num_epochs=-5: expected an integer of at least 1"),
    ("train", "--num_epochs 99999999999999999999", "at most 1000000000"),
    ("train", "--hidden_dim 64,,32", "^flag --hidden_dim=64,,32: expected an integer"),
    ("train", "--hidden_dim 64,0", "^flag --hidden_dim=64,0: expected an integer"),
    ("train", "--hidden_dim 64;32", "expected an integer of at least 1"),
    ("train", "--learning_rate 0", "^flag --learning_rate=0: expected a number above 0"),
    ("train", "--learning_rate nan", "^flag --learning_rate=nan: expected a number above 0"),
    ("train", "--learning_rate inf", "^flag --learning_rate=inf: expected a number above 0"),
    ("train", "--learning_rate 1e-3x", "^flag --learning_rate=1e-3x: expected a number"),
    ("train", "--beta -0.1", "^flag --beta=-0.1: expected a number of at least 0"),
    ("train", "--l2 -1", "^flag --l2=-1: expected a number of at least 0"),
    ("train", "--dropout 1", "^flag --dropout=1: expected a number of at least 0, at most 0.99"),
    ("train", "--seed -1", "^flag --seed=-1: expected an integer of at least 0"),
    ("train", "--seed 2147483648", "at most 2147483647"),
    ("train", "--checkpoint_minutes -1", "^flag --checkpoint_minutes=-1: expected a number"),
    ("train", "--verbose 3", "^flag --verbose=3: expected an integer of at least 0, at most 2"),
    ("train", "--dataset mnits", "of an .npz or .npy file; did you mean mnist"),
    ("train", "--dataset MNIST", "expected mnist, fashion_mnist"),
    ("train", "--dataset 数字", "^flag --dataset=数字: expected mnist, fashion_mnist"),
    ("train", "--dataset ''", "^flag --dataset=: expected mnist"),
    ("train", "--dataset /", "^flag --dataset=/: expected mnist"),
    ("train", "--image_size 0", "^flag --image_size=0: expected a height and a width"),
    ("train", "--image_size 64,48,3", "^flag --image_size=64,48,3: expected a height and a width"),
    ("train", "--grayscale maybe", "^flag --grayscale=maybe: expected true or false"),
    ("train", "--model gan", "^flag --model=gan: expected vae"),
    ("train", "--network cnv", "did you mean conv"),
    ("train", "--activation tahn", "did you mean tanh?"),
    ("train", "--binarize yes", "^flag --binarize=yes: expected none, dynamic or static"),
    ("train", "--precision float64", "^flag --precision=float64: expected float32"),
    ("train", "--strategy tpu", "^flag --strategy=tpu: expected none, mirrored or multi_worker"),
    ("train", "--resume_from best", "^flag --resume_from=best: expected last or previous"),
    ("train", "--learning_rate_schedule linear", "expected constant or cosine"),
    ("train", "--resume maybe", "^flag --resume=maybe: expected true or false, or 1 or 0"),
    ("train", "--noresume=1", "^flag --noresume=1: expected --noresume alone, or --resume 0"),
    ("train", "--run_name ../elsewhere", "^flag --run_name=../elsewhere: expected a folder's name"),
    ("train", "--run_name /absolute", "^flag --run_name=/absolute: expected a folder's name"),
    ("train", "--run_name .hidden", "^flag --run_name=.hidden: expected a folder's name"),
    ("train", "--run_name ''", "^flag --run_name=: expected a folder's name"),
    ("train", "--run_name 'two\nlines'", "^flag --run_name=two lines: expected a folder's name"),
    ("train", "--run_name {long}", "spaces or any of _ . , = + -, in 255 bytes at most"),
    ("evaluate", "--curves --run_name {long}", "in 255 bytes at most"),
    ("train", "--dataset digits --hidden_dim {many}", "may have: type --run_name NAME"),
    ("train", "--data_dir ''", "^flag --data_dir=: expected a path"),
    ("train", "--latnet_dim 5", "^unknown flag --latnet_dim: did you mean --latent_dim?"),
    ("train", "--Latent_dim 5", "^unknown flag --Latent_dim: did you mean --latent_dim?"),
    ("train", "--reconstruct", "^unknown flag --reconstruct, which is a flag of evaluate.py"),
    ("train", "--helpfull", "^unknown flag --helpfull"),
    (
        "train",
        "--undefok=nonsense --nonsense=1",
        "^flag --undefok: unknown flags are always errors",
    ),
    ("train", "--=5", "^unexpected argument '--=5'"),
    ("train", "digits", "^unexpected argument 'digits': flags are written --name value"),
    ("train", "-- --latent_dim 5", "^unexpected argument '--latent_dim'"),
    ("train", "--overwrite yes 1", "expected true or false"),
    ("evaluate", "--generate --num_gen 0", "^flag --num_gen=0: expected an integer"),
    ("evaluate", "--generate 50", "^flag --generate=50: expected true or false, or 1 or 0"),
    ("evaluate", "--generate\n1=2", "^flag --generate"),
    ("evaluate", "--latent --num_points 9", "^flag --num_points=9: expected an integer"),
    ("evaluate", "--classify --label_counts 100,many", "^flag --label_counts=100,many: expected"),
    ("evaluate", "--classify --num_trials 1001", "at most 1000"),
    ("evaluate", "--classify --features median", "expected mean or sample"),
    ("evaluate", "--ood --ood_dataset cifar", "^flag --ood_dataset=cifar: expected mnist"),
    ("evaluate", "--curves --checkpoint first", "expected best or last"),
    ("evaluate", "--export_samples 1.5", "^flag --export_samples=1.5: expected an integer"),
    (
        "evaluate",
        "--generate_class ''",
        "^flag --generate_class=: expected the name or number of a class",
    ),
    ("evaluate", "--curves --saved_path ''", "^flag --saved_path=: expected a path"),
    ("evaluate", "--compare ''", "^flag --compare=: expected names of runs"),
    ("evaluate", "--compare a,,b", "^flag --compare=a,,b: expected names of runs"),
    ("evaluate", "--compare ../a,b", "^flag --compare=../a,b: expected names of runs"),
    ("evaluate", "--curves --latent_dim 2,4", "^flag --latent_dim=2,4: expected an integer"),
    ("evaluate", "--curves --num_epochs ten", "^flag --num_epochs=ten: expected an integer"),
    ("evaluate", "--curve", "^unknown flag --curve: did you mean --curves?"),
    ("evaluate", "--curves --resume", "^unknown flag --resume, which is a flag of train.py"),
]

# Flags that are valid separately and contradict each other.
CONTRADICTIONS = [
    ("train", "--resume --overwrite", "^--resume and --overwrite contradict each other"),
    ("train", "--resume_from previous", "needs --resume: type both"),
    ("train", "--model autoencoder --beta 2", "^flag --beta: --model autoencoder does not read it"),
    ("train", "--num_labels 100", "^flag --num_labels: --model vae does not read it"),
    ("train", "--classifier_dims 3", "choose --model classifier_vae"),
    ("train", "--filters 8,8", "^flag --filters: --network mlp does not read it"),
    ("train", "--network conv --hidden_dim 5", "^flag --hidden_dim: --network conv does not read"),
    ("train", "--network conv --strides 1,2,2", "expected one value, or as many as --filters"),
    ("train", "--hidden_dim 9,9 --activation elu,elu,elu", "or as many as --hidden_dim 9,9 has: 2"),
    ("train", "--init_stddev 0.1", "^flag --init_stddev belongs to --initializer normal"),
    ("train", "--num_replicas 2", "^flag --num_replicas belongs to --strategy mirrored"),
    ("train", "--strategy multi_worker --deterministic 1", "do not repeat bit for bit"),
    ("train", "--strategy mirrored --deterministic 1", "leave --deterministic out"),
    ("train", "--deterministic 1 --jit_compile 0", "^--deterministic needs steps that XLA"),
    ("train", "--dataset digits --num_validation 1437", "expected less than the 1437 training"),
    ("train", "--dataset digits --stream 1", "^flag --stream=1: digits is embedded"),
    (
        "train",
        "--dataset {own}/x.npz --stream 1",
        "x.npz is read as one array and always in memory",
    ),
    (
        "train",
        "--image_size 8",
        "^flag --image_size: --dataset mnist does not read it; leave it out",
    ),
    ("train", "--grayscale 1", "or choose --dataset FOLDER or FILE.npz"),
    (
        "train",
        "--dataset {own}/good --image_key x",
        "--dataset {own}/good does not read it; it reads",
    ),
    ("train", "--dataset {own}/parts --num_validation 2", "has 1 validation images of its own"),
    (
        "train",
        "--dataset {own}/named --model classifier_vae",
        "^--model classifier_vae needs two or more classes, and {own}/named has one",
    ),
    (
        "train",
        "--dataset {own}/good --model classifier_vae",
        "needs labels, and {own}/good has none",
    ),
    ("train", "--stream 1 --binarize static", "expected --binarize none or dynamic; static"),
    (
        "train",
        "--model classifier_vae --dataset digits --num_labels 1294",
        "^flag --num_labels=1294: expected at most the 1293 images",
    ),
    ("train", "--latent_dim 2,4,8", "to train one run for each, type --sweep latent_dim=2,4,8"),
    ("train", "--sweep latent_dim=2,2", "expected each value once"),
    ("train", "--sweep beta=1,1.0", "two of them are the same"),
    ("train", "--sweep latent_dim=2,0", "^flag --latent_dim=0: expected an integer"),
    ("train", "--sweep latent_dim", "^flag --sweep=latent_dim: expected a flag and its values"),
    ("train", "--sweep latnet_dim=2,4", "not a setting of a run: did you mean --latent_dim?"),
    ("train", "--sweep beta=2,4 --run_name one", "trains several runs, and --run_name names one"),
    ("train", "--sweep beta=2,4 --resume --resume_from previous", "--resume_from is for one"),
    ("train", "--sweep beta=2,4 --strategy multi_worker", "--strategy multi_worker trains one"),
    ("train", "--beta_schedule linear", "^flag --beta_schedule=linear needs --beta_steps"),
    ("train", "--epochs 5", "^unknown flag --epochs: did you mean --num_epochs?"),
    ("train", "--gpu 0", "^unknown flag --gpu: a GPU is used if there is one"),
    ("train", "--help most", "^flag --help=most: expected --help or --help all"),
    ("train", "--dataset digits --strategy multi_worker", "needs the variable TF_CONFIG"),
    ("evaluate", "", "^nothing to do: give --all, one or more of --reconstruct"),
    ("evaluate", "--generate 0 --num_gen 5", "^nothing to do"),
    ("evaluate", "--latent_dim 10", "^nothing to do"),
    ("evaluate", "--curves --saved_path a --run_name b", "both name a run: give one of them"),
    ("evaluate", "--compare a,b --generate", "^--compare names its runs, and --generate is for"),
    ("evaluate", "--compare a,b --run_name a", "^--compare names its runs, and --run_name"),
    ("evaluate", "--compare a,b --latent_dim 2", "^--compare names its runs, and --latent_dim"),
]

# Flag files.
FILES = [
    ("train", "--flagfile", "^--flagfile without a file"),
    ("train", "--flagfile=", "^--flagfile= without a file"),
    ("train", "--flagfile={flags}/none.flags", "none.flags cannot be read (No such file"),
    ("train", "--flagfile={flags}", "cannot be read (Is a directory)"),
    ("train", "--flagfile={flags}/typo.flags", "^unknown flag --latent_dims"),
    ("train", "--flagfile={flags}/value.flags", "^flag --latent_dim=ten: expected"),
    ("train", "--flagfile={flags}/words.flags", "^unexpected argument 'latent_dim 5'"),
    ("train", "--flagfile={flags}/boolean.flags", "^flag --resume=2: expected true or false"),
    ("train", "--flagfile={flags}/latin1.flags", "latin1.flags is not UTF-8 text"),
    ("train", "--flagfile={flags}/itself.flags", "itself.flags reads itself"),
    ("train", "--flagfile={flags}/there.flags", "there.flags reads itself"),
    ("train", "--flagfile={flags}/zero.flags", "^the flag file /dev/zero exceeds 1,000,000"),
    ("train", "--flagfile={flags}/nul.flags", "cannot be read"),
    (
        "train",
        "--flagfile={flags}/undefok.flags",
        "^flag --undefok: unknown flags are always errors",
    ),
    ("evaluate", "--flagfile '{flags}/ü b.flags'", "^flag --num_gen=ü: expected an integer"),
    ("evaluate", "--flagfile={flags}/loop.flags", "Too many levels of symbolic links"),
]

# Runs and folders.
RUNS = [
    (
        "train",
        "--dataset digits --run_name ready",
        "already holds a run: type --resume --run_name ready and",
    ),
    ("train", "--dataset digits --run_name strange", "holds files but no run.json"),
    ("train", "--dataset digits --run_name strange --overwrite", "holds files but no run.json"),
    ("train", "--dataset digits --run_name file", "is a file: move it, or choose another"),
    ("train", "--dataset digits --run_name missing --resume", "^there is no run in {runs}/missing"),
    ("train", "--dataset digits --run_name cut --resume", "cut/run.json cannot be read"),
    ("train", "--dataset digits --seed 9 --resume", "with these flags can be resumed: type"),
    ("train", "--dataset digits --run_name ready --resume --beta 3", "--beta 3.0 contradicts"),
    ("train", "--dataset digits --run_name ready --resume", "has finished its 50 epochs"),
    ("train", "--dataset mnist --data_dir {flags}", "^mnist is not in {flags} and cannot be"),
    ("train", "--dataset mnist --data_dir '{flags}/ü b.flags'", "ü b.flags and cannot be"),
    ("evaluate", "--curves --run_name missing", "^there is no run in {runs}/missing: train one"),
    ("evaluate", "--curves --run_name file", "^there is no run in {runs}/file"),
    ("evaluate", "--curves --run_name empty", "empty/run.json does not exist"),
    ("evaluate", "--curves --run_name strange", "strange/run.json does not exist"),
    ("evaluate", "--curves --run_name cut", "cut/run.json cannot be read"),
    ("evaluate", "--curves --run_name latin1", "latin1/run.json cannot be read"),
    ("evaluate", "--curves --run_name list", "list/run.json cannot be read"),
    ("evaluate", "--curves --run_name later", "later/run.json is not of format 1"),
    ("evaluate", "--curves --run_name lacking", "lacking/run.json lacks flags"),
    ("evaluate", "--curves --run_name other", "other/run.json is not of format 1"),
    (
        "evaluate",
        "--metrics --run_name spheres",
        "is refused: flag --dataset=spheres: expected mnist",
    ),
    ("evaluate", "--generate --run_name plain", "plain/best.keras was modified"),
    ("train", "--dataset digits --run_name spheres --resume", "flag --dataset=spheres: expected"),
    ("train", "--dataset digits --run_name other --resume", "other/run.json is not of format 1"),
    ("train", "--dataset digits --run_name other", "other/run.json is not of format 1"),
    ("train", "--dataset digits --run_name gone --resume", "gone diverged in step 7, and would"),
    ("evaluate", "--metrics --run_name gone", "the run diverged before it had finished an epoch"),
    ("evaluate", "--curves --run_name young", "has not finished an epoch yet"),
    ("evaluate", "--curves --run_name ready --checkpoint last", "model.keras does not exist"),
    ("evaluate", "--curves --run_name ready --latent_dim 3", "^--latent_dim 3 contradicts"),
    ("evaluate", "--curves --run_name ready", "history.csv"),
    ("evaluate", "--curves --latent_dim 77", "^no trained run with --latent_dim 77 in {runs}"),
    (
        "evaluate",
        "--curves --saved_path /nowhere",
        "^there is no run in /nowhere: train one",
    ),
    ("evaluate", "--curves --saved_path {runs}", "run.json does not exist"),
    ("evaluate", "--curves --saved_path {runs}/file", "^there is no run in {runs}/file"),
    ("evaluate", "--curves --saved_path {runs}/ready/other.keras", "is not the model of a run"),
    ("evaluate", "--curves --saved_path {runs}/ready/model.keras", "is not the model of a run"),
    (
        "evaluate",
        "--curves --saved_path '{runs}/ü b/c'",
        "^there is no run in {runs}/ü b/c",
    ),
    ("evaluate", "--curves --saved_path {long}{long}", "too long"),
    ("evaluate", "--curves --saved_path {flags}/loop.flags", "^there is no run in"),
    ("evaluate", "--metrics --run_name photographs --data_dir {flags}", "^mnist is not in {flags}"),
    ("evaluate", "--compare missing,ready", "is called missing: there are"),
    ("evaluate", "--compare ready", "^--compare ready names one run, ready: name two or more"),
    ("evaluate", "--compare ready,photographs", "these differ in dataset"),
    ("evaluate", "--compare ready,binary", "these differ in binarize"),
    ("evaluate", "--compare ready,young", "has not finished an epoch yet"),
    ("evaluate", "--compare ready,cut", "cut/run.json cannot be read"),
]

# The user's own images.
OWN = [
    (
        "train",
        "--dataset ./nowhere",
        "^there is no folder {root}/nowhere: type --dataset with the path",
    ),
    (
        "train",
        "--dataset none.npz",
        "^there is no file {root}/none.npz: type --dataset with the path",
    ),
    (
        "train",
        "--dataset {own}/empty",
        "^{own}/empty holds no images: expected files that end in .png",
    ),
    ("train", "--dataset {own}/x.txt", "^{own}/x.txt is not a folder of images"),
    ("train", "--dataset {own}/one", "^{own}/one has 1 train image: expected at least 4"),
    (
        "train",
        "--dataset {own}/sizes",
        "of several sizes (0.png has 4×4 pixels, 3.png 5×4): type --image",
    ),
    ("train", "--dataset {own}/bad", "bad/3.png is not an image, or of another kind than its name"),
    ("train", "--dataset {own}/loop", "leads back to a folder that contains it: remove the link"),
    ("train", "--dataset {own}/keys.npz", "type --image_key NAME; it has a uint8 (9, 4, 4)"),
    ("train", "--dataset {own}/x.npz --image_key y", "x.npz has no array y: it has images uint8"),
    (
        "train",
        "--dataset {own}/nan.npy",
        "has the value nan in the array at [2, 1, 3]: expected floats",
    ),
    ("train", "--dataset {own}/text.npy", "text.npy cannot be read"),
    ("evaluate", "--metrics --run_name own_gone", "^there is no folder {own}/gone: type --dataset"),
    ("evaluate", "--metrics --run_name own --dataset {own}/sizes", "of several sizes"),
    (
        "evaluate",
        "--metrics --run_name own --dataset {own}/bright",
        "^run.json describes another dataset than {own}/bright: its fingerprint is",
    ),
    (
        "evaluate",
        "--metrics --run_name ready --dataset {own}/good",
        "^--dataset {own}/good contradicts",
    ),
    ("evaluate", "--metrics --dataset {own}/bright", "^no trained run with --dataset {own}/bright"),
    (
        "evaluate",
        "--metrics --run_name own_inside",
        "names {runs}/own_inside/x as the path of the images",
    ),
    ("evaluate", "--metrics --run_name own_undescribed", '"dataset" does not describe the images'),
]

# Requests that do not apply to the run.
REQUESTS = [
    ("evaluate", "--run_name ready --generate_class 3", "--generate_class"),
    ("evaluate", "--run_name labeled --generate_class ten", "expected one of 0, 1"),
    ("evaluate", "--run_name labeled --generate_class 10", "or its number, 0 to 9"),
    ("evaluate", "--run_name ready --export_samples 5", "--export_samples"),
    ("evaluate", "--run_name ready --classify --label_counts 15", "15 is not a multiple of 10"),
    ("evaluate", "--run_name ready --classify --label_counts 10", "type for example"),
    ("evaluate", "--run_name ready --classify --label_counts 90000", "expected at most"),
    ("evaluate", "--run_name ready --ood --ood_dataset digits", "the run was trained on it"),
    ("evaluate", "--run_name ready --ood --ood_dataset mnist --data_dir {images}", "28×28"),
]

BAD_CALLS = [
    *(BadCall(script, words, USAGE, says) for script, words, says in VALUES),
    *(BadCall(script, words, USAGE, says) for script, words, says in CONTRADICTIONS),
    *(BadCall(script, words, USAGE, says) for script, words, says in FILES),
    *(BadCall(script, words, OTHER, says) for script, words, says in RUNS),
    *(BadCall(script, words, OTHER, says) for script, words, says in OWN),
    *(BadCall(script, words, USAGE, says) for script, words, says in REQUESTS),
    *(BadCall(script, words, USAGE, says) for script, words, says in bad_calls_of_z.REQUESTS),
    *(BadCall(script, words, OTHER, says) for script, words, says in bad_calls_of_z.FILES),
]
