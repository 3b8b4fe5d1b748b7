"""Neural style in PyTorch, written from the papers: what ours is held against."""

import torch
import torch.nn.functional as F

MEAN = torch.tensor([123.68, 116.779, 103.939]).reshape(1, 3, 1, 1)


class Vgg:
    """Features of a VGG whose weights come by Keras' names; pictures are NCHW, RGB, [0, 255]."""

    def __init__(self, weights, pooling="max", layout=torch.contiguous_format):
        self.layers = []
        for name in sorted({key.split("/")[0] for key in weights}):
            kernel = torch.tensor(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)
            kernel = kernel.contiguous(memory_format=layout)
            self.layers.append((name, kernel, torch.tensor(weights[f"{name}/bias"])))
        self.pool = F.max_pool2d if pooling == "max" else F.avg_pool2d

    def __call__(self, image, wanted):
        features, x = {}, (image - MEAN).flip(1)
        for name, kernel, bias in self.layers:
            if len(features) == len(wanted):
                break
            if name.endswith("conv1") and name != "block1_conv1":
                x = self.pool(x, 2)
            x = F.relu(F.conv2d(x, kernel, bias, padding=1), inplace=True)
            relu = name.replace("block", "relu").replace("conv", "")
            if relu in wanted:
                features[relu] = x
        return features


def gram(x):
    rows = x.flatten(2)[0]
    return rows @ rows.T / x.numel()


def losses(vgg, image, contents, styles, content_weight, style_weight, tv_weight):
    features = vgg(image, {*contents, *styles})
    terms = {
        f"content {name}": content_weight * F.mse_loss(features[name], target)
        for name, target in contents.items()
    }
    terms |= {
        f"style {name}": style_weight * F.mse_loss(gram(features[name]), target)
        for name, target in styles.items()
    }
    here = image[..., :-1, :-1]
    steps = image[..., :-1, 1:] - here, image[..., 1:, :-1] - here
    terms["total variation"] = tv_weight * sum(0.5 * (step**2).sum() for step in steps)
    return terms
