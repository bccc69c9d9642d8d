"""Where in the picture is the evidence?"""

from pages.parts import dials, learn, show
from pages.parts.selection import selection
from vizcore.attribution.cam import grad_cam

chosen = selection()
show.question("Where is the evidence?", "Grad-CAM")
values = dials.draw(grad_cam)
map = grad_cam(chosen.probe, chosen.image, chosen.unit, **values)
show.map(chosen.prepared, map, key="cam map", label=f"Grad-CAM of {chosen.name}")
learn.below(
    grad_cam,
    seen="Bright places speak for the unit.",
    formula=r"\mathrm{ReLU}\Big(\sum_k w_k A_k\Big)",
    data=map.values,
    snippet="map = vizcore.attribution.grad_cam(probe, image, unit)",
)
