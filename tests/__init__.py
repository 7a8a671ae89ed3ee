"""
A test stands with the promise that it holds, not with the module that keeps it: README.md here has
the list. A new test goes to the file whose first line names its promise; if there is none, to a new
file. Helpers go to support/, what takes minutes and a person to read it to by_hand/.
"""
