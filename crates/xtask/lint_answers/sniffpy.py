"""Stands in for the package that httplint recognises types with, and goes without.

That one comes as source alone, which would have to be run to install it, and it knows no audio.
"""
