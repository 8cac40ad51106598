"""The executed notebook as one HTML document: sanitised, bounded, without any script.

It is made in a process of its own (`document.main`, by `grader.apart`) and is meant for a frame
that has no origin, from a response that allows nothing but pictures in `data:` and the one style
sheet.
"""
