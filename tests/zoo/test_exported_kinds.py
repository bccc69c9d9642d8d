"""What picture networks are exported with is read, and a program says which of its outputs are the scores."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import Probe, bundled_image, open_probe
from vizcore.adversarial import pgd, xray
from vizcore.ascent import through_rectifiers
from vizcore.attribution import deconvnet, grad_cam, guided_backprop
from vizcore.zoo import doctor
from vizcore.zoo.torchvision_import import torchvision

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Written(nn.Module):
    """A network written as a function of itself and the pixels."""

    def __init__(self, written):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 3)
            self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3))
            self.up = nn.ConvTranspose2d(4, 4, 2, 2)
            self.along = nn.Conv1d(1, 1, 3, padding=1)
            self.rms = nn.RMSNorm(4)
        object.__setattr__(self, "written", written)

    def forward(self, x):
        return self.fc(self.written(self, self.conv(x)).mean((2, 3)))


def changed(x, change):
    change(x)
    return x


WAYS = {
    "F.normalize": lambda net, x: F.normalize(x, dim=1),
    "max of an axis": lambda net, x: x.max(3)[0][..., None],
    "einsum": lambda net, x: torch.einsum("nchw,kc->nkhw", x, net.fc.weight[:, :4].T @ net.fc.weight),
    "conv1d": lambda net, x: x * net.along(x.mean((2, 3))[:, None]).sigmoid().transpose(1, 2)[..., None],
    "conv_transpose2d": lambda net, x: net.up(x),
    "glu": lambda net, x: F.glu(torch.cat([x, x], 1), 1),
    "local_response_norm": lambda net, x: F.local_response_norm(x, 3),
    "weight norm": lambda net, x: net.normed(x),
    "rms_norm": lambda net, x: net.rms(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "lp_pool2d": lambda net, x: F.lp_pool2d(x, 2, 2),
    "unfold": lambda net, x: F.unfold(x, 2).unflatten(1, (4, 4)).mean(2, keepdim=True),
    "std": lambda net, x: x / x.std(1, keepdim=True),
    "comparisons": lambda net, x: torch.where(x > 0, x, x * 0.1),
    "bicubic": lambda net, x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "reflected": lambda net, x: F.pad(x, (1, 1, 1, 1), "reflect"),
    "conv3d": lambda net, x: F.conv3d(x[:, None], torch.ones(1, 1, 1, 3, 3)).squeeze(1),
    "cumprod": lambda net, x: x.cumprod(2),
    "aminmax": lambda net, x: x - torch.aminmax(x, dim=1, keepdim=True)[0],
    "unpooled": lambda net, x: (lambda found: F.max_unpool2d(*found, 2))(F.max_pool2d(x, 2, return_indices=True)),
    "antialiased": lambda net, x: F.interpolate(x, size=(8, 8), mode="bilinear", antialias=True),
    "nearest-exact": lambda net, x: F.interpolate(x, scale_factor=2, mode="nearest-exact"),
    "turned": lambda net, x: torch.rot90(x, 1, (2, 3)) + torch.eye(16) + torch.linspace(0, 1, 16),
    "mathematics": lambda net, x: torch.erfc(x) + torch.atan2(x, x.exp()) + x.asinh() + (x.abs() + 1).log10(),
    "signs": lambda net, x: torch.copysign(x.abs().sqrt(), x) + x.sgn() + torch.hypot(x, x) + torch.sinc(x) + x // 0.5,
    "bits": lambda net, x: ((x > 0) & (x < 1) | (x > 2) ^ (x < -1)).float() + torch.isnan(x) + (x > 0).any(1, True),
    "sorted": lambda net, x: x.gather(1, x.argsort(1)) + x.kthvalue(2, 1, True)[0],
    "one hot": lambda net, x: F.one_hot(x.argmax(1), 4).permute(0, 3, 1, 2) * x,
    "added at an index": lambda net, x: x.index_add(1, torch.tensor([0]), x[:, :1]),
    "distances": lambda net, x: torch.cdist(x, x),
    "made for each picture": lambda net, x: x + torch.zeros(x.shape[0], 4, 16, 16) + torch.ones(x.shape[0], 1, 1, 1),
    "frequencies": lambda net, x: torch.fft.fftshift(torch.fft.fft2(x).abs(), (2, 3)),
    "instance norm": lambda net, x: F.instance_norm(x),
    "circular padding": lambda net, x: F.pad(x, (1, 2, 0, 1), "circular"),
    "rrelu": lambda net, x: F.rrelu(x),
    "logsumexp": lambda net, x: x.logsumexp(2, keepdim=True),
    "attention": lambda net, x: F.scaled_dot_product_attention(x, x, x),
    "bilinear": lambda net, x: F.bilinear(x, x, torch.linspace(0, 1, 1280).view(5, 16, 16)),
    "grid_sample": lambda net, x: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1), align_corners=False),
    "quantile": lambda net, x: x.quantile(0.3, 2, keepdim=True) + x.cummax(2)[0] + x.logcumsumexp(3),
    "x[:, 0] = y": lambda net, x: changed(x, lambda x: x[:, 0].fill_(0)),
    "x[:, :, :4] = y": lambda net, x: changed(x, lambda x: x[:, :, :4].copy_(x[:, :1, 4:8])),
    "reshape": lambda net, x: x.reshape(x.shape[0], -1).reshape(x.shape[0], 4, 16, 16),
    "part.mul_(y)": lambda net, x: changed(x, lambda x: x[:, :2].mul_(3)),
    "softshrink": lambda net, x: F.softshrink(F.logsigmoid(F.prelu(x, net.fc.bias[:1])), 0.1),
}


def program(network: nn.Module, path, decomposed: bool = False):
    shapes = ({0: torch.export.Dim("pictures")},)
    exported = torch.export.export(network.eval(), (IMAGES,), dynamic_shapes=shapes)
    torch.export.save(exported.run_decompositions() if decomposed else exported, path)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("way", "decomposed"), [
    *((way, False) for way in WAYS),
    # which are then written for as many pictures as they were shown
    *((way, True) for way in WAYS if way not in ("einsum", "unpooled")),
])  # fmt: skip
def test_an_ordinary_operation_is_read(way, decomposed, tmp_path):
    network = Written(WAYS[way]).eval()
    probe = open_probe(program(network, tmp_path / "mine.pt2", decomposed))
    images = IMAGES.clone().requires_grad_()
    expected, scores = network(probe.normalised(images)), probe.run(images)[0]
    torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-4)
    if way not in ("signs", "bits"):  # which torch cannot derive, or which have no gradient
        [right] = torch.autograd.grad(expected[:, 0].sum(), images)
        torch.testing.assert_close(probe.gradient(scores[:, 0], images), right, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("way", "decomposed"), [
    ("reshape", False), ("attention", False), ("instance norm", True), ("circular padding", True),
])  # fmt: skip
def test_a_program_exported_for_one_picture_takes_more(way, decomposed, tmp_path):
    network = Written(WAYS[way]).eval()
    exported = torch.export.export(network, (IMAGES[:1],))
    torch.export.save(exported.run_decompositions() if decomposed else exported, tmp_path / "mine.pt2")
    probe = open_probe(tmp_path / "mine.pt2")
    torch.testing.assert_close(probe.run(IMAGES)[0], network(probe.normalised(IMAGES)), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_program_in_a_row_has_numbers_for_names(tmp_path):
    row = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    probe = open_probe(program(row, tmp_path / "mine.pt2"))
    assert list(probe.layers) == list(Probe(row, name="row", input_size=16).layers)


@pytest.mark.filterwarnings("ignore")
def test_of_two_outputs_none_is_taken_in_silence(tmp_path):
    class Two(Written):
        def forward(self, x):
            features = self.conv(x).mean((2, 3))
            return self.fc(features), features

    file = program(Two(None), tmp_path / "mine.pt2")
    with pytest.raises(ValueError, match=r"has 2 outputs, linear \(N, 3\) and mean \(N, 4\), and does not say which"):
        open_probe(file)


def in_a_mode(net, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return net.conv(x[:, :3]).float()


def needs_one_picture(net, x):
    return x.squeeze(0)[None]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        (in_a_mode, r"run in a mode, such as autocast; save exported\.run_decompositions\(\) instead"),
        (needs_one_picture, r"two pictures into two rows of scores \(a and b must have .*\); export it with an open"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_reason(way, sentence, tmp_path):
    torch.export.save(torch.export.export(Written(way).eval(), (IMAGES[:1],)), tmp_path / "mine.pt2")
    with pytest.raises(ValueError, match=sentence):
        open_probe(tmp_path / "mine.pt2")


@pytest.mark.parametrize("rectifier", [nn.ReLU6(), nn.LeakyReLU(0.1), nn.Hardtanh(0, 2)])
@pytest.mark.parametrize("decomposed", [False, True])
def test_gradients_through_a_programs_rectifiers_are_those_of_its_network(rectifier, decomposed, tmp_path):
    """A program hands them their limits as numbers beside the values."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 6, 3), rectifier, nn.Conv2d(6, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        network = nn.Sequential(*layers).eval()
    program = torch.export.export(network, (torch.rand(1, 3, 32, 32),))
    torch.export.save(program.run_decompositions() if decomposed else program, tmp_path / "mine.pt2")
    probe = open_probe(tmp_path / "mine.pt2", mean=(0, 0, 0), std=(1, 1, 1))
    plain, image = Probe(network, name="plain", input_size=32), torch.rand(3, 32, 32)
    assert len(probe.rectifiers) == 1
    for method in (guided_backprop, deconvnet):
        torch.testing.assert_close(method(probe, image, 2).values, method(plain, image, 2).values)
    seen = image[None].clone().requires_grad_()
    ways = [through_rectifiers(one, lambda found: found["scores"][:, 0], seen, seen) for one in (probe, plain)]
    torch.testing.assert_close(*ways)


def exported(network: nn.Module, path):
    """A program with an open number of pictures."""
    shapes = ({0: torch.export.Dim("pictures")},)
    torch.export.save(torch.export.export(network.eval(), (torch.rand(2, 3, 32, 32),), dynamic_shapes=shapes), path)
    return path


def test_an_exported_transformer_is_asked_where_its_patches_still_matter_and_is_x_rayed(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5)
        nn.init.normal_(network.heads.head.weight)  # torchvision begins with zeros
    probe, cat = open_probe(exported(network, tmp_path / "vit.pt2")), bundled_image("cat")
    assert probe.deepest_maps == "encoder.layers.encoder_layer_1.ln_1"
    assert grad_cam(probe, cat, 0, both_signs=True).values.abs().max() > 0
    attack = pgd(probe, probe.prepare(cat)[None], 0, target=2, epsilon=2 / 255)
    found = xray(probe, attack)
    assert found.attack[-1] > 0 and len(found.attack) == len(found.layers)


def test_a_program_that_answers_for_every_pixel_is_told_what_to_do(tmp_path):
    told = str(doctor(exported(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1)), tmp_path / "seg.pt2")))
    assert "it answers for every pixel; export it with its scores averaged" in told and "open number" not in told
