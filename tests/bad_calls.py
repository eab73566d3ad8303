"""Bad calls of both scripts: what is typed, the exit status, and what the one line must say.

Data alone; ``test_bad_calls.py`` makes the folders that they name, runs them and checks them.
``{runs}`` stands for the folder of trained runs, ``{flags}`` for that of flag files,
``{images}`` for one of datasets, ``{long}`` and ``{many}`` for too much. A part that begins
with ``^`` is how the line begins, after the script's name.
"""

from typing import NamedTuple


class BadCall(NamedTuple):
    """One call: a script, the words after it, as in a shell, and how it ends."""

    script: str
    words: str
    status: int
    says: str


USAGE, OTHER = 2, 1  # a bad command line, and everything else

# Types and ranges; names that do not exist.
VALUES = [
    ("train", "--latent_dim x", "^flag --latent_dim=x: expected a whole number of at least 1"),
    ("train", "--latent_dim 0", "^flag --latent_dim=0: expected a whole number of at least 1"),
    ("train", "--latent_dim -1", "^flag --latent_dim=-1: expected a whole number"),
    ("train", "--latent_dim 2.5", "^flag --latent_dim=2.5: expected a whole number"),
    ("train", "--latent_dim 1000001", "at most 1000000"),
    ("train", "--latent_dim ''", "^flag --latent_dim=: expected a whole number"),
    ("train", "--latent_dim ٣٣٣٣٣٣٣٣٣", "expected a whole number"),
    ("train", "--latent_dim", "^Missing value for flag --latent_dim"),
    ("train", "--batch_size 0", "^flag --batch_size=0: expected a whole number of at least 1"),
    ("train", "--batch_size 1e3", "^flag --batch_size=1e3: expected a whole number"),
    ("train", "--num_epochs -5", "^flag --num_epochs=-5: expected a whole number of at least 1"),
    ("train", "--num_epochs 99999999999999999999", "at most 1000000000"),
    ("train", "--hidden_dim 64,,32", "^flag --hidden_dim=64,,32: expected whole numbers"),
    ("train", "--hidden_dim 64,0", "^flag --hidden_dim=64,0: expected whole numbers"),
    ("train", "--hidden_dim 64;32", "expected whole numbers of at least 1, with commas"),
    ("train", "--learning_rate 0", "^flag --learning_rate=0: expected a number above 0"),
    ("train", "--learning_rate nan", "^flag --learning_rate=nan: expected a number above 0"),
    ("train", "--learning_rate inf", "^flag --learning_rate=inf: expected a number above 0"),
    ("train", "--learning_rate 1e-3x", "^flag --learning_rate=1e-3x: expected a number"),
    ("train", "--beta -0.1", "^flag --beta=-0.1: expected a number of at least 0"),
    ("train", "--l2 -1", "^flag --l2=-1: expected a number of at least 0"),
    ("train", "--dropout 1", "^flag --dropout=1: expected a number of at least 0, at most 0.99"),
    ("train", "--seed -1", "^flag --seed=-1: expected a whole number of at least 0"),
    ("train", "--seed 2147483648", "at most 2147483647"),
    ("train", "--checkpoint_minutes -1", "^flag --checkpoint_minutes=-1: expected a number"),
    ("train", "--dataset mnits", "expected mnist, fashion_mnist or digits; did you mean mnist"),
    ("train", "--dataset MNIST", "expected mnist, fashion_mnist or digits"),
    ("train", "--dataset 数字", "^flag --dataset=数字: expected mnist, fashion_mnist or digits"),
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
    ("train", "--latnet_dim 5", "^Unknown command line flag 'latnet_dim'. Did you mean"),
    ("train", "--Latent_dim 5", "^Unknown command line flag 'Latent_dim'"),
    ("train", "--reconstruct", "^Unknown command line flag 'reconstruct'"),
    ("train", "--helpfull", "^Unknown command line flag 'helpfull'"),
    ("train", "--undefok=nonsense --nonsense=1", "^flag --undefok: no flag is let through"),
    ("train", "--=5", "^unexpected argument '--=5'"),
    ("train", "digits", "^unexpected argument 'digits': flags are written --name value"),
    ("train", "-- --latent_dim 5", "^unexpected argument '--latent_dim'"),
    ("train", "--overwrite yes 1", "expected true or false"),
    ("evaluate", "--generate --num_gen 0", "^flag --num_gen=0: expected a whole number"),
    ("evaluate", "--generate 50", "^flag --generate=50: expected true or false, or 1 or 0"),
    ("evaluate", "--generate\n1=2", "^flag --generate"),
    ("evaluate", "--latent --num_points 9", "^flag --num_points=9: expected a whole number"),
    ("evaluate", "--classify --label_counts 100,many", "^flag --label_counts=100,many: expected"),
    ("evaluate", "--classify --num_trials 1001", "at most 1000"),
    ("evaluate", "--classify --features median", "expected mean or sample"),
    ("evaluate", "--ood --ood_dataset cifar", "^flag --ood_dataset=cifar: expected mnist"),
    ("evaluate", "--curves --checkpoint first", "expected best or last"),
    ("evaluate", "--export_samples 1.5", "^flag --export_samples=1.5: expected a whole number"),
    ("evaluate", "--generate_class ''", "^flag --generate_class=: expected a class"),
    ("evaluate", "--curves --saved_path ''", "^flag --saved_path=: expected a path"),
    ("evaluate", "--compare ''", "^flag --compare=: expected names of runs"),
    ("evaluate", "--compare a,,b", "^flag --compare=a,,b: expected names of runs"),
    ("evaluate", "--compare ../a,b", "^flag --compare=../a,b: expected names of runs"),
    ("evaluate", "--curves --latent_dim 2,4", "^flag --latent_dim=2,4: expected a whole number"),
    ("evaluate", "--curves --num_epochs ten", "^flag --num_epochs=ten: expected a whole number"),
    ("evaluate", "--curve", "^Unknown command line flag 'curve'. Did you mean: curves"),
    ("evaluate", "--curves --resume", "^Unknown command line flag 'resume'"),
]

# Each flag is fine; together they are not.
CONTRADICTIONS = [
    ("train", "--resume --overwrite", "^--resume and --overwrite contradict each other"),
    ("train", "--resume_from previous", "needs --resume beside it"),
    ("train", "--model autoencoder --beta 2", "^flag --beta: --model autoencoder does not read it"),
    ("train", "--num_labels 100", "^flag --num_labels: --model vae does not read it"),
    ("train", "--classifier_dims 3", "choose --model classifier_vae"),
    ("train", "--filters 8,8", "^flag --filters: --network mlp does not read it"),
    ("train", "--network conv --hidden_dim 5", "^flag --hidden_dim: --network conv does not read"),
    ("train", "--network conv --strides 1,2,2", "expected one, or one for each of the 2 --filters"),
    ("train", "--hidden_dim 9,9 --activation elu,elu,elu", "one for each of the 2 --hidden_dim"),
    ("train", "--init_stddev 0.1", "^flag --init_stddev belongs to --initializer normal"),
    ("train", "--num_replicas 2", "^flag --num_replicas belongs to --strategy mirrored"),
    ("train", "--strategy mirrored --jit_compile 1", "which XLA cannot compile"),
    ("train", "--strategy mirrored --deterministic 1", "leave --deterministic out"),
    ("train", "--deterministic 1 --jit_compile 0", "^--deterministic needs steps that XLA"),
    ("train", "--dataset digits --num_validation 1437", "expected less than the 1437 training"),
    ("train", "--dataset digits --stream 1", "^flag --stream=1: digits comes embedded"),
    ("train", "--stream 1 --binarize static", "expected --binarize none or dynamic beside it"),
    (
        "train",
        "--model classifier_vae --dataset digits --num_labels 1294",
        "^flag --num_labels=1294: expected at most the 1293 images",
    ),
    ("train", "--latent_dim 2,2", "expected each value once"),
    ("train", "--latent_dim 2,0", "or several, with commas between them"),
    ("train", "--latent_dim 2,4 --run_name one", "trains several runs, and --run_name names one"),
    ("train", "--latent_dim 2,4 --resume --resume_from previous", "--resume_from is for one"),
    ("train", "--latent_dim 2,4 --strategy multi_worker", "--strategy multi_worker one at a time"),
    ("train", "--dataset digits --strategy multi_worker", "needs the variable TF_CONFIG"),
    ("evaluate", "", "^nothing to do: give one or more of --reconstruct 1"),
    ("evaluate", "--generate 0 --num_gen 5", "^nothing to do"),
    ("evaluate", "--latent_dim 10", "^nothing to do"),
    ("evaluate", "--curves --saved_path a --run_name b", "both name a run: give one of them"),
    ("evaluate", "--compare a,b --generate", "^--compare names its runs, and --generate is for"),
    ("evaluate", "--compare a,b --run_name a", "^--compare names its runs, and --run_name"),
    ("evaluate", "--compare a,b --latent_dim 2", "^--compare names its runs, and --latent_dim"),
]

# Flag files.
FILES = [
    ("train", "--flagfile", "^--flagfile with no argument: name a file"),
    ("train", "--flagfile=", "^--flagfile= with no argument: name a file"),
    ("train", "--flagfile={flags}/none.flags", "none.flags cannot be read (No such file"),
    ("train", "--flagfile={flags}", "cannot be read (Is a directory)"),
    ("train", "--flagfile={flags}/typo.flags", "^Unknown command line flag 'latent_dims'"),
    ("train", "--flagfile={flags}/value.flags", "^flag --latent_dim=ten: expected"),
    ("train", "--flagfile={flags}/words.flags", "^unexpected argument 'latent_dim 5'"),
    ("train", "--flagfile={flags}/boolean.flags", "^flag --resume=2: expected true or false"),
    ("train", "--flagfile={flags}/latin1.flags", "latin1.flags is not UTF-8 text"),
    ("train", "--flagfile={flags}/itself.flags", "itself.flags reads itself"),
    ("train", "--flagfile={flags}/there.flags", "there.flags reads itself"),
    ("train", "--flagfile={flags}/zero.flags", "^the flag file /dev/zero is longer than a million"),
    ("train", "--flagfile={flags}/nul.flags", "cannot be read"),
    ("train", "--flagfile={flags}/undefok.flags", "^flag --undefok: no flag is let through"),
    ("evaluate", "--flagfile '{flags}/ü b.flags'", "^flag --num_gen=ü: expected a whole number"),
    ("evaluate", "--flagfile={flags}/loop.flags", "Too many levels of symbolic links"),
]

# Runs and folders.
RUNS = [
    ("train", "--dataset digits --run_name ready", "already holds a run: type --resume to go on"),
    ("train", "--dataset digits --run_name strange", "holds files but no run.json"),
    ("train", "--dataset digits --run_name strange --overwrite", "holds files but no run.json"),
    ("train", "--dataset digits --run_name file", "is a file: move it, or choose another"),
    ("train", "--dataset digits --run_name missing --resume", "^there is no run in {runs}/missing"),
    ("train", "--dataset digits --run_name cut --resume", "cut/run.json cannot be read"),
    ("train", "--dataset digits --seed 9 --resume", "that can go on has these flags: start it"),
    ("train", "--dataset digits --run_name ready --resume --beta 3", "--beta 3.0 contradicts"),
    ("train", "--dataset digits --run_name ready --resume", "has had its 50 epochs"),
    ("train", "--dataset mnist --data_dir {flags}", "^mnist is not in {flags} and cannot be"),
    ("train", "--dataset mnist --data_dir '{flags}/ü b.flags'", "ü b.flags and cannot be"),
    ("evaluate", "--curves --run_name missing", "^there is no run in {runs}/missing: train one"),
    ("evaluate", "--curves --run_name file", "^there is no run in {runs}/file"),
    ("evaluate", "--curves --run_name empty", "empty/run.json cannot be read"),
    ("evaluate", "--curves --run_name strange", "strange/run.json cannot be read"),
    ("evaluate", "--curves --run_name cut", "cut/run.json cannot be read"),
    ("evaluate", "--curves --run_name latin1", "latin1/run.json cannot be read"),
    ("evaluate", "--curves --run_name list", "list/run.json cannot be read"),
    ("evaluate", "--curves --run_name later", "later/run.json is not of format 1"),
    ("evaluate", "--curves --run_name lacking", "lacking/run.json lacks flags"),
    ("evaluate", "--curves --run_name young", "has not finished an epoch yet"),
    ("evaluate", "--curves --run_name ready --checkpoint last", "model.keras is not there"),
    ("evaluate", "--curves --run_name ready --latent_dim 3", "^--latent_dim 3 contradicts"),
    ("evaluate", "--curves --run_name ready", "history.csv"),
    ("evaluate", "--curves --latent_dim 77", "^no trained run with --latent_dim 77 in {runs}"),
    ("evaluate", "--curves --saved_path /nowhere", "^there is no run in /nowhere: train one"),
    ("evaluate", "--curves --saved_path {runs}", "run.json cannot be read"),
    ("evaluate", "--curves --saved_path {runs}/file", "^there is no run in {runs}/file"),
    ("evaluate", "--curves --saved_path {runs}/ready/other.keras", "is not the model of a run"),
    ("evaluate", "--curves --saved_path {runs}/ready/model.keras", "is not the model of a run"),
    ("evaluate", "--curves --saved_path '{runs}/ü b/c'", "^there is no run in {runs}/ü b/c"),
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

# What the run cannot give: the command line does not fit to it.
REQUESTS = [
    ("evaluate", "--run_name ready --generate_class 3", "--generate_class"),
    ("evaluate", "--run_name labelled --generate_class ten", "expected one of 0, 1"),
    ("evaluate", "--run_name labelled --generate_class 10", "or its number, 0 to 9"),
    ("evaluate", "--run_name ready --export_samples 5", "--export_samples"),
    ("evaluate", "--run_name ready --classify --label_counts 15", "15 is no multiple of the 10"),
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
    *(BadCall(script, words, USAGE, says) for script, words, says in REQUESTS),
]
