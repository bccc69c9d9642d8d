"""What do the filters look for?"""

from pages.parts import show
from pages.parts.selection import selection

show.question("What do the filters look for?", selection().probe.name)
