"""How alike the code of submissions is: tokens, fingerprints of them, and pairs that share many.

What is compared are tokens without comments, with names, numbers and texts alike, so that renaming
and rewording hide nothing; and of the runs of tokens the fingerprints that winnowing chooses
(Schleimer, Wilkerson and Aiken, 2003). What the starter holds, and what many have alike, tells
nothing about two. Both modules that work on files run in a process of their own (`grader.apart`).
"""
