"""How the images of the demo lie in a folder, one file for each kind of task: as users have theirs.

`layouts/NAME.py` has `save(folder, row)`, which draws and writes one image, a row of
`folder.list_images`, and returns what `finish(folder, rows, found)` needs of each for the files
that stand beside them. `PREFERRED_INPUTS` are settings of the inputs for a run that takes a minute
or two, which the person may name otherwise.
"""
