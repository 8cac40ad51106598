"""What runs beside student code, under the interpreter that the assignment names.

Only the standard library, numpy, torch and IPython may be imported here. Modules import one
another relatively, so that the folder works as a package under any name.
"""
