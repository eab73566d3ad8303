"""Statistics of images, scores and labels: arrays in, numbers out. No TensorFlow.

classification    support vector machines and nearest neighbors with few labels
decomposition     the parts of the KL: mutual information, total correlation, dimension-wise KL
detection         the area under the ROC curve of a score
disentanglement   how well single latent dimensions represent known factors
fidelity          how far the distribution of samples is from that of other images
neighborhood      coordinates in a graph of nearest neighbors, learned without labels
summaries         means with standard errors, quantiles, active units
tsne              maps of points in the plane
"""
