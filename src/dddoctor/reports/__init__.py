"""Reporters: a Report in, a text out. They import dddoctor.model and nothing else of the doctor, look at no clock and no terminal."""
