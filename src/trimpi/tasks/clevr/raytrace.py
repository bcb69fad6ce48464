"""Our own scenes rendered with Mitsuba 3 (pip wheel, CPU): a picture, and which pixel belongs to which object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from trimpi.tasks.clevr.layout import Placed

WIDTH, HEIGHT = 128, 96
SAMPLES_PER_PIXEL = 6
CAMERA, TARGET, FIELD_OF_VIEW = (0.0, -8.2, 5.6), (0.0, 0.05, 0.3), 37.0
SRGB = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
"""CLEVR's colors."""

mi.set_variant("scalar_rgb")


def render_picture(objects: Sequence[Placed], seed: int) -> NDArray[np.uint8]:
    """The scene as sRGB, shape (HEIGHT, WIDTH, 3). Deterministic in `seed`, whatever the number of threads."""
    scene = _scene(
        objects, {"type": "direct", "emitter_samples": 1, "bsdf_samples": 1}, SAMPLES_PER_PIXEL, furnished=True
    )
    linear = np.clip(np.array(mi.render(mi.load_dict(scene), seed=seed)), 0.0, 1.0)  # type: ignore[arg-type]
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    return np.rint(srgb * 255).astype(np.uint8)


def object_masks(objects: Sequence[Placed]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels show each object, and which would if it stood alone; both (objects, HEIGHT, WIDTH).

    Each object's depth map alone is its silhouette; it is seen where no other object's depth is smaller.
    """
    depths = np.stack([_depth([item]) for item in objects])
    alone = np.isfinite(depths)
    return alone & (depths <= depths.min(axis=0)), alone


def project(point: tuple[float, float, float]) -> tuple[float, float, float]:
    """A point of the scene in the picture: x and y in pixels, and its depth along the view in scene units."""
    camera, target = np.array(CAMERA), np.array(TARGET)
    forward = (target - camera) / np.linalg.norm(target - camera)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    offset = np.array(point) - camera
    depth = float(offset @ forward)
    focal = WIDTH / 2 / math.tan(math.radians(FIELD_OF_VIEW / 2))
    x = WIDTH / 2 + focal * float(offset @ right) / depth
    y = HEIGHT / 2 - focal * float(offset @ np.cross(right, forward)) / depth
    return x, y, depth


def _depth(objects: Sequence[Placed]) -> NDArray[np.float64]:
    image = np.array(mi.render(mi.load_dict(_scene(objects, {"type": "depth"}, 1, furnished=False)), seed=0))  # type: ignore[arg-type]
    depth = image[..., 0].astype(np.float64)
    return np.where(depth > 0, depth, np.inf)


def _scene(objects: Sequence[Placed], integrator: dict[str, Any], samples: int, *, furnished: bool) -> dict[str, Any]:
    transform = mi.ScalarTransform4f
    scene: dict[str, Any] = {
        "type": "scene",
        "integrator": integrator,
        "sensor": {
            "type": "perspective",
            "fov": FIELD_OF_VIEW,
            "fov_axis": "x",
            "to_world": transform().look_at(origin=list(CAMERA), target=list(TARGET), up=[0, 0, 1]),
            "film": {
                "type": "hdrfilm",
                "width": WIDTH,
                "height": HEIGHT,
                "rfilter": {"type": "box"},
                "pixel_format": "rgb",
            },
            "sampler": {"type": "multijitter", "sample_count": samples}
            if samples > 1
            else {"type": "independent", "sample_count": 1},
        },
    }
    if furnished:
        scene["floor"] = {
            "type": "rectangle",
            "to_world": transform().scale([40, 40, 1]),
            "bsdf": _matte((0.62, 0.62, 0.62)),
        }
        scene["sky"] = {"type": "constant", "radiance": {"type": "rgb", "value": [0.75] * 3}}
        scene["lamp"] = {
            "type": "sphere",
            "center": [-4, -5, 8],
            "radius": 1.0,
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": [22.0] * 3}},
        }
    for index, item in enumerate(objects):
        for part, shape in enumerate(_shapes(item)):
            scene[f"object{index}_{part}"] = shape
    return scene


def _shapes(item: Placed) -> list[dict[str, Any]]:
    transform, radius, surface = mi.ScalarTransform4f, item.radius, _surface(item)
    if item.shape == "sphere":
        return [{"type": "sphere", "center": [item.x, item.y, radius], "radius": radius, "bsdf": surface}]
    if item.shape == "cube":
        half = item.height
        placed = transform().translate([item.x, item.y, half]).rotate([0, 0, 1], item.rotation).scale([half] * 3)
        return [{"type": "cube", "to_world": placed, "bsdf": surface}]
    top = [item.x, item.y, 2 * radius]
    return [
        {"type": "cylinder", "p0": [item.x, item.y, 0], "p1": top, "radius": radius, "bsdf": surface},
        {"type": "disk", "to_world": transform().translate(top).scale([radius, radius, 1]), "bsdf": surface},
    ]


def _surface(item: Placed) -> dict[str, Any]:
    color = tuple(_linear(channel / 255) for channel in SRGB[item.color])
    if item.material == "rubber":
        return _matte(color)
    reflectance = {"type": "rgb", "value": list(color)}
    return {"type": "principled", "base_color": reflectance, "metallic": 0.55, "roughness": 0.18, "specular": 0.9}


def _matte(color: tuple[float, ...]) -> dict[str, Any]:
    return {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(color)}}


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
