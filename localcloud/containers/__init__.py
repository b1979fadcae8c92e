"""What runs inside a "container": the training and inference runners.

They are started as scripts, by the interpreter that runs the jobs, which need not have localcloud
installed: they import nothing outside the standard library and this folder.
"""
