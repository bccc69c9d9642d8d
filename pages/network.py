"""What is the network made of?"""

from pages.parts import show
from pages.parts.selection import selection

show.question("What is the network made of?", selection().probe.name)
