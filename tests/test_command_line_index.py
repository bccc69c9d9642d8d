"""The command line builds an index, says what is in it, and names what it skipped."""

from tests.corpora.samples import folder
from vizcore.__main__ import main
from vizcore.representation import open_corpus, open_index
from vizcore.zoo.shelf import open_probe


def test_a_folder_is_indexed_and_what_is_no_picture_is_named(tmp_path, capsys):
    path = folder(tmp_path / "pets", 8, 2)
    (path / "kind0" / "text.png").write_text("This is no picture.")
    assert main(["index", "--network", "tiny-vgg", "--corpus", str(path), "--layers", "conv2.relu", "scores"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "8 pictures, 2 layers: conv2.relu, scores"
    assert said[1].startswith("skipped kind0/text.png: These 19 bytes are no picture")
    assert open_index(open_probe("tiny-vgg"), open_corpus(path)).complete


def test_what_cannot_be_indexed_ends_in_a_sentence(tmp_path, capsys):
    assert main(["index", "--corpus", str(tmp_path / "nowhere")]) == 1
    assert "there is no corpus" in capsys.readouterr().err
    assert main(["index", "--corpus", "digits", "--network", "tiny-vg"]) == 1
    assert "did you mean 'tiny-vgg'" in capsys.readouterr().err
