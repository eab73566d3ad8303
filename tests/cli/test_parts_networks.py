"""Flags of the networks: tuples, defaults, and the flags that a network does not read."""

import pytest

import cli


def parse_train(*words):
    return cli.parse_train(["train.py", *words])


def test_a_network_fills_in_its_own_defaults_and_its_flags_show_in_the_name():
    flags = parse_train("--network", "conv", "--filters", "8, 16,24", "--strides", "2,2,1")
    assert (flags.filters, flags.strides, flags.kernel_sizes) == ((8, 16, 24), (2, 2, 1), (3,))
    assert (flags.activation, flags.hidden_dim) == (("relu",), None)
    assert "hidden_dim" not in cli.settings(flags)
    assert cli.run_name(flags) == "mnist_vae_ld10_e50_nconv_f8-16-24_st2-2-1"
    preset = parse_train("--network", "conv_leaky")
    assert (preset.activation, preset.dropout) == (("leaky_relu",), 0.2)
    assert (preset.decoder_dims, preset.paddings) == ((24, 49), ("same",))
    assert parse_train("--network", "conv").decoder_dims == ()
    padded = parse_train("--network", "conv", "--paddings", "same,3", "--decoder_dims", "none")
    assert (padded.paddings, padded.decoder_dims) == (("same", 3), ())
    assert cli.run_name(preset) == "mnist_vae_ld10_e50_nconv_leaky"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (
            "--hidden_dim 512,256 --activation elu,tanh",
            "mnist_vae_hd512-256_ld10_e50_act-elu-tanh",
        ),
        (
            "--network resnet --width 64 --num_halvings 0",
            "mnist_vae_ld10_e50_nresnet_w64_nh0",
        ),
        ("--hidden_dim 512 --activation gelu", "mnist_vae_hd512_ld10_e50_act-gelu"),
        ("--initializer he_normal", "mnist_vae_hd500_ld10_e50_init-he_normal"),
        ("--initializer normal", "mnist_vae_hd500_ld10_e50_init-normal"),
        (
            "--initializer normal --init_stddev 0.05",
            "mnist_vae_hd500_ld10_e50_init-normal_std0.05",
        ),
    ],
)
def test_lists_and_initializers_are_part_of_a_runs_name(words, name):
    assert cli.run_name(parse_train(*words.split())) == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--filters 8", "flag --filters: --network mlp does not read it; it reads --hidden_dim"),
        ("--network conv --hidden_dim 500", "flag --hidden_dim: --network conv does not read it"),
        ("--network conv --filters 8,x", "flag --filters=8,x: expected an integer of at least"),
        ("--network conv --filters 8,,9", "flag --filters=8,,9: expected an integer"),
        ("--network conv --strides 0", "flag --strides=0: expected an integer of at least 1"),
        ("--network conv --paddings full", "flag --paddings=full: expected an integer"),
        ("--hidden_dim 512,", "flag --hidden_dim=512,: expected an integer of at least 1"),
        ("--activation elu,tanhh", "flag --activation=elu,tanhh: expected tanh, relu, elu,"),
        (
            "--activation elu,tanh",
            "flag --activation=elu,tanh: expected one value, or as many as --hidden_dim 500 has: 1",
        ),
        (
            "--network resnet --activation elu,tanh",
            "flag --activation=elu,tanh: expected one value",
        ),
        (
            "--init_stddev 0.1",
            "flag --init_stddev belongs to --initializer normal, and",
        ),
        ("--init_stddev 0", "flag --init_stddev=0: expected a number above 0"),
        (
            "--network conv --strides 1,2,3",
            "flag --strides=1,2,3: expected one value, or as many as --filters 32,64 has: 2",
        ),
    ],
)
def test_flags_that_do_not_fit_the_network_are_refused_in_one_line(words, message):
    with pytest.raises(cli.UsageError) as error:
        parse_train(*words.split())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_different_runs_have_different_names():
    # Within six digits of each other: %g would call them the same.
    for words in (
        ("--beta", "0.1234567", "0.1234568"),
        ("--learning_rate", "0.001", "0.00100000001"),
    ):
        once, other = (cli.run_name(parse_train(words[0], value)) for value in words[1:])
        assert once != other
