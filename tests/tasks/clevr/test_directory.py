"""CLEVR directories on disk: both layouts, and one clear line for everything that can be wrong with them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from trimpi.errors import DataError
from trimpi.tasks.clevr.directory import load_scene_directory

CLEVR_SIZE, GENERATOR_SIZE = (480, 320), (320, 240)


def clevr_object(**changes: Any) -> dict[str, Any]:
    return {
        "shape": "cube",
        "color": "cyan",
        "size": "large",
        "material": "rubber",
        "3d_coords": [0.5, -1.25, 0.7],
        "pixel_coords": [200, 120, 10.5],
        "rotation": 45.0,
        **changes,
    }


def clevr_scene(filename: str, split: str | None = "train", **changes: Any) -> dict[str, Any]:
    scene = {
        "image_filename": filename,
        "image_index": 0,
        "split": split,
        "objects": [clevr_object(), clevr_object(shape="sphere", size="small", pixel_coords=[50, 60, 12])],
        "directions": {"left": [-0.7, -0.7, 0.0]},
        "relationships": {"left": [[1], []], "right": [[], [0]]},
    }
    return {**scene, **changes}


def write_image(path: Path, size: tuple[int, int] = CLEVR_SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "gray").save(path)
    return path


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_clevr_v1(root: Path) -> Path:
    for split, count in (("train", 3), ("val", 2)):
        names = [f"CLEVR_{split}_{index:06d}.png" for index in range(count)]
        for name in names:
            write_image(root / "images" / split / name)
        scenes = [clevr_scene(name, split) for name in names]
        write_json(root / "scenes" / f"CLEVR_{split}_scenes.json", {"info": {"split": split}, "scenes": scenes})
    return root


def write_single(root: Path, scene: dict[str, Any]) -> Path:
    """A folder of one scene, in the generator's layout."""
    write_image(root / "images" / "a.png", GENERATOR_SIZE)
    write_json(root / "scenes" / "a.json", scene)
    return root


def error_of(root: Path, split: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        load_scene_directory(root, split)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_clevr_v1_gives_the_scenes_of_a_split_in_order(tmp_path: Path) -> None:
    scenes = load_scene_directory(write_clevr_v1(tmp_path), "train")
    assert [scene.id for scene in scenes] == [f"images/train/CLEVR_train_{index:06d}" for index in range(3)]
    assert scenes[1].image == (tmp_path / "images/train/CLEVR_train_000001.png").resolve()
    assert [item.description for item in scenes[0].objects] == ["large cyan rubber cube", "small cyan rubber sphere"]


def test_every_split_is_loaded_when_none_is_named(tmp_path: Path) -> None:
    scenes = load_scene_directory(write_clevr_v1(tmp_path), None)
    assert len(scenes) == 5
    assert len({scene.id for scene in scenes}) == 5


def test_files_of_other_splits_are_not_read(tmp_path: Path) -> None:
    write_json(write_clevr_v1(tmp_path) / "scenes" / "CLEVR_train_scenes.json", "{broken")
    assert len(load_scene_directory(tmp_path, "val")) == 2


def test_generator_layout_with_one_file_per_scene(tmp_path: Path) -> None:
    for index in (1, 0):
        name = f"CLEVR_new_{index:06d}"
        write_image(tmp_path / "images" / f"{name}.png", GENERATOR_SIZE)
        write_json(tmp_path / "scenes" / f"{name}.json", clevr_scene(f"{name}.png", "new"))
    scenes = load_scene_directory(tmp_path, None)
    assert [scene.id for scene in scenes] == ["images/CLEVR_new_000000", "images/CLEVR_new_000001"]
    assert load_scene_directory(tmp_path, "new") == scenes


@pytest.mark.parametrize("place", ["scenes/CLEVR_scenes.json", "CLEVR_scenes.json"])
def test_generator_layout_with_one_collected_file(tmp_path: Path, place: str) -> None:
    write_image(tmp_path / "images" / "a.png", GENERATOR_SIZE)
    write_json(tmp_path / place, {"info": {}, "scenes": [clevr_scene("a.png", "new")]})
    assert len(load_scene_directory(tmp_path, None)) == 1


def test_generators_single_files_and_collected_file_are_the_same_scenes(tmp_path: Path) -> None:
    scene = clevr_scene("a.png", "new")
    write_json(write_single(tmp_path, scene) / "CLEVR_scenes.json", {"info": {}, "scenes": [scene]})
    assert len(load_scene_directory(tmp_path, None)) == 1


def test_object_fields_are_those_of_the_json(tmp_path: Path) -> None:
    scene = load_scene_directory(write_single(tmp_path, clevr_scene("a.png")), None)[0]
    cube = scene.objects[0]
    assert cube.attributes == {"size": "large", "color": "cyan", "material": "rubber", "shape": "cube"}
    assert (cube.position, cube.pixel_coords, cube.rotation) == ((0.5, -1.25, 0.7), (200, 120, 10.5), 45.0)


def test_box_is_the_objects_extent_under_clevrs_camera(tmp_path: Path) -> None:
    """320 px wide, so a focal length of 320 * 35/32 = 350 px: a large object's radius at depth 10.5 is 23.3 px."""
    scene = load_scene_directory(write_single(tmp_path, clevr_scene("a.png")), None)[0]
    radius = 350 * 0.7 / 10.5
    assert scene.objects[0].box == (
        math.floor(200 - radius),
        math.floor(120 - radius),
        math.floor(200 + radius) + 1,
        math.floor(120 + radius) + 1,
    )


def test_box_is_cut_at_the_images_border(tmp_path: Path) -> None:
    scene = clevr_scene("a.png", objects=[clevr_object(pixel_coords=[2, 239, 10])])
    box = load_scene_directory(write_single(tmp_path, scene), None)[0].objects[0].box
    assert (box[0], box[3]) == (0, 240)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"color": "pink"}, "objects.0.color is 'pink'; allowed are gray, red, blue, green, brown, purple"),
        ({"shape": "cone"}, "objects.0.shape is 'cone'; allowed are cube, sphere, cylinder"),
        ({"size": 3}, "objects.0.size is 3; allowed is text"),
        ({"rotation": "45"}, "objects.0.rotation is '45'; allowed is a number"),
        ({"rotation": math.nan}, "objects.0.rotation is nan; allowed is a finite number"),
        ({"3d_coords": [1, 2]}, "objects.0.3d_coords is [1, 2]; allowed is"),
        ({"3d_coords": None}, "objects.0.3d_coords is None; allowed is a list"),
        ({"pixel_coords": [1, "x", 2]}, "objects.0.pixel_coords.1 is 'x'; allowed is a number"),
        (
            {"pixel_coords": [320, 10, 9]},
            "pixel_coords is [320.0, 10.0, 9.0]; allowed is [x, y, depth] inside the image",
        ),
        ({"pixel_coords": [10, 10, 0]}, "with a depth above 0"),
    ],
)
def test_wrong_object_field_is_named_with_file_scene_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    message = error_of(write_single(tmp_path, clevr_scene("a.png", objects=[clevr_object(**changes)])))
    assert f"{tmp_path / 'scenes' / 'a.json'}, scene 0: " in message
    assert said in message


def test_missing_object_field_is_named(tmp_path: Path) -> None:
    broken = clevr_object()
    del broken["material"], broken["3d_coords"]
    message = error_of(write_single(tmp_path, clevr_scene("a.png", objects=[clevr_object(), broken])))
    assert "objects.1.material is missing" in message
    assert "objects.1.3d_coords is missing" in message


def test_index_counts_the_scenes_of_a_collected_file(tmp_path: Path) -> None:
    root = write_clevr_v1(tmp_path)
    file = root / "scenes" / "CLEVR_val_scenes.json"
    content = json.loads(file.read_text())
    content["scenes"][1]["objects"] = []
    write_json(file, content)
    assert f"{file}, scene 1: objects is []; allowed is anything but empty" in error_of(root, "val")


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "sub/a.png", "..", ".hidden.png", "a\\b.png", "", "a\0.png"]
)
def test_image_filename_is_a_bare_name(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "secret.png")
    assert f"image_filename is {name!r}" in error_of(write_single(tmp_path, clevr_scene(name)))


def test_split_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    assert "split is '../..'" in error_of(write_single(tmp_path, clevr_scene("a.png", "../..")))


def test_linked_image_outside_the_folder_is_refused(tmp_path: Path) -> None:
    outside = write_image(tmp_path / "outside.png")
    root = write_single(tmp_path / "clevr", clevr_scene("b.png"))
    (root / "images" / "b.png").symlink_to(outside)
    assert "leads outside" in error_of(root)


def test_missing_image_is_named(tmp_path: Path) -> None:
    root = write_clevr_v1(tmp_path)
    (root / "images/val/CLEVR_val_000001.png").unlink()
    message = error_of(root, "val")
    assert "scene 1: image_filename is 'CLEVR_val_000001.png', but there is no " in message
    assert str(root / "images/val/CLEVR_val_000001.png") in message


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    root = write_single(tmp_path, clevr_scene("a.png"))
    (root / "images" / "a.png").write_text("no image")
    assert f"scene 0: the image {(root / 'images' / 'a.png').resolve()} cannot be read" in error_of(root)


def test_image_described_twice_is_refused(tmp_path: Path) -> None:
    write_json(write_single(tmp_path, clevr_scene("a.png")) / "scenes" / "b.json", clevr_scene("a.png"))
    assert "b.json, scene 0: image_filename is 'a.png', as in an earlier scene" in error_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not valid JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("", "is not valid JSON: Expecting value at line 1, column 1"),
        ("[" * 200_000, "nested too deeply"),
        ("[]", "scene 0: not a CLEVR scene"),
        ('{"questions": []}', "scene 0: not a CLEVR scene"),
        ('{"scenes": {}}', "scenes is dict; allowed is a list of scenes"),
        ('{"scenes": [3]}', "scene 0: not a CLEVR scene"),
        ('{"scenes": [{}]}', "scene 0: image_filename is missing"),
        ('{"scenes": []}', "has no scenes"),
    ],
)
def test_file_that_holds_no_scenes_gives_one_line(tmp_path: Path, content: str, said: str) -> None:
    write_json(tmp_path / "scenes" / "CLEVR_scenes.json", content)
    assert said in error_of(tmp_path)


def test_file_that_is_not_utf8_gives_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "scenes" / "a.json", "{}").write_bytes(b'{"a": "\xff"}')
    assert "is not UTF-8 text" in error_of(tmp_path)


def test_split_without_scenes_names_those_there_are(tmp_path: Path) -> None:
    assert "no scenes of the split 'test'; there are train, val" in error_of(write_clevr_v1(tmp_path), "test")


def test_folder_of_neither_layout_is_refused(tmp_path: Path) -> None:
    assert "give the folder that holds scenes/ and images/" in error_of(tmp_path / "nowhere")
    assert "holds no scenes: give CLEVR_v1.0" in error_of(tmp_path)
