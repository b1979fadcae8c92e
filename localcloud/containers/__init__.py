"""The programs that run inside a "container": the training and inference runners.

They are started as scripts by the interpreter that runs the jobs. It need not have localcloud installed, so
they import only the standard library and modules of this folder.
"""
