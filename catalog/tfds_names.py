"""Names of the image datasets that TFDS can prepare.

They are those of tensorflow-datasets 4.9.10 with an ``Image`` among their features, without their
configurations. Importing TFDS to ask for them would take seconds.
"""

_NAMES = """
    aflw2k3d ai2dcaption bair_robot_pushing_small bccd beans bee_dataset bigearthnet
    binarized_mnist binary_alpha_digits caltech101 caltech_birds2010 caltech_birds2011 cars196
    cassava cats_vs_dogs celeb_a celeb_a_hq chexpert cifar10 cifar100 cifar100_n cifar10_1
    cifar10_corrupted cifar10_h cifar10_n citrus_leaves cityscapes clevr clic cmaterdb coco
    coco_captions coil100 colorectal_histology colorectal_histology_large
    controlled_noisy_web_labels curated_breast_imaging_ddsm cycle_gan deep_weeds
    diabetic_retinopathy_detection div2k dmlab domainnet downsampled_imagenet dsprites dtd
    emnist eurosat fashion_mnist flic food101 geirhos_conflict_stimuli gref horses_or_humans
    i_naturalist2017 i_naturalist2018 imagenet2012 imagenet2012_corrupted imagenet2012_fewshot
    imagenet2012_multilabel imagenet2012_real imagenet2012_subset imagenet_a imagenet_lt
    imagenet_pi imagenet_r imagenet_resized imagenet_sketch imagenet_v2 imagenette imagewang
    kitti kmnist laion400m lfw lost_and_found lsun lvis malaria mnist mnist_corrupted
    nyu_depth_v2 omniglot open_images_challenge2019_detection open_images_v4 oxford_flowers102
    oxford_iiit_pet pass patch_camelyon pet_finder places365_small placesfull plant_leaves
    plant_village plantae_k pneumonia_mnist quickdraw_bitmap ref_coco resisc45
    rock_paper_scissors s3o4d scene_parse150 shapes3d siscore smallnorb so2sat stanford_dogs
    stanford_online_products stl10 sun397 svhn_cropped symmetric_solids tf_flowers the300w_lp
    uc_merced visual_domain_decathlon voc wake_vision wider_face wit_kaggle
"""

TFDS_NAMES = tuple(_NAMES.split())
