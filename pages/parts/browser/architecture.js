// A network as a drawing beside the picture it looks at. Hover shows what a layer's central cell sees; a click or an
// arrow key picks the layer, and Python hears of it once the keys rest.

const KEYS_REST = 160 // milliseconds
const PATIENCE = 3000
const LABEL = 11 // pixels
const MARGIN = 26 // of the drawing, on its left
const drawings = new WeakMap()

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let drawing = drawings.get(parentElement)
  if (!drawing) {
    drawing = new Architecture(parentElement)
    drawings.set(parentElement, drawing)
  }
  drawing.pick = (layer) => setTriggerValue("picked", layer)
  drawing.show(data)
  return () => {
    drawing.observer.disconnect()
    clearTimeout(drawing.timer)
    drawings.delete(parentElement)
  }
}

class Architecture {
  constructor(parent) {
    for (const name of ["strips", "drawing", "caption", "stage", "field", "reading"]) this[name] = parent.querySelector(`.${name}`)
    this.picture = parent.querySelector("img")
    this.drawing.onpointerover = (event) => this.point(event.target.closest(".layer"))
    this.strips.onpointerleave = () => this.point(null)
    this.drawing.onclick = (event) => {
      const block = event.target.closest(".layer")
      if (block) this.choose(Number(block.dataset.last), 0)
    }
    this.strips.onkeydown = (event) => this.key(event)
    this.observer = new ResizeObserver(() => this.fit())
    this.observer.observe(this.strips)
  }

  show(data) {
    const drawn = this.data?.drawing
    this.data = data
    if (data.chosen === this.awaited || Date.now() > this.patience) this.awaited = null
    this.chosen = this.awaited ?? data.chosen
    if (this.picture.src !== data.picture) this.picture.src = data.picture
    this.picture.classList.toggle("pixels", data.side < 190)
    this.strips.setAttribute("aria-label", data.label)
    if (drawn !== data.drawing) {
      this.drawing.innerHTML = data.drawing // made by our own code, every name in it escaped
      this.top = undefined
      this.fit()
    }
    this.mark()
    this.see(this.chosen)
  }

  // Words keep their size however narrow the drawing is; labels that would then touch are left out.
  fit() {
    const svg = this.drawing.firstElementChild
    if (!svg || !svg.clientWidth) return
    const box = svg.viewBox.baseVal
    svg.style.minWidth = `${svg.querySelector(".unfolded") ? 620 : 440}px`
    const scale = Math.max(1, box.width / svg.clientWidth)
    const larger = Math.min(scale, 1.4) // more would reach into the blocks above
    const ends = new Map()
    for (const label of svg.querySelectorAll("text.label")) {
      label.style.fontSize = `${LABEL * larger}px`
      label.style.display = ""
      const place = label.getBBox()
      const line = label.getAttribute("y")
      const free = place.x > (ends.get(line) ?? -1)
      label.style.display = free ? "" : "none"
      if (free) ends.set(line, place.x + place.width + 3)
    }
    const keys = [...svg.querySelectorAll(".key")]
    this.top ??= Math.min(...keys.map((key) => key.transform.baseVal[0].matrix.f))
    let [left, top] = [MARGIN, this.top + 10 * (scale - 1)]
    for (const key of keys) {
      const wide = (key.getBBox().width + 16) * scale
      if (left + wide > box.width && left > MARGIN) [left, top] = [MARGIN, top + 18 * scale]
      key.setAttribute("transform", `translate(${left} ${top}) scale(${scale})`)
      left += wide
    }
    box.height = top + 8 * scale
  }

  mark() {
    for (const block of this.drawing.querySelectorAll(".layer")) {
      const { first, last } = block.dataset
      const here = Number(first) <= this.chosen && this.chosen <= Number(last)
      block.classList.toggle("chosen", here && first === last)
      block.classList.toggle("opened", here && first !== last)
    }
  }

  see(layer) {
    const [top, left, bottom, right] = this.data.fields[layer]
    const side = this.data.side
    this.field.style.top = `${(100 * top) / side}%`
    this.field.style.left = `${(100 * left) / side}%`
    this.field.style.height = `${(100 * (bottom - top)) / side}%`
    this.field.style.width = `${(100 * (right - left)) / side}%`
    const name = document.createElement("b")
    name.textContent = this.data.names[layer]
    this.reading.replaceChildren(name, this.data.readings[layer])
  }

  point(block) {
    if (!block) {
      this.caption.style.display = "none"
      this.see(this.chosen)
      return
    }
    this.see(Number(block.dataset.last))
    this.caption.textContent = block.getAttribute("aria-label")
    this.caption.style.display = "block"
    const here = block.getBoundingClientRect()
    const frame = this.strips.getBoundingClientRect()
    const room = this.strips.clientWidth - this.caption.offsetWidth - 2
    const across = here.left - frame.left + this.strips.scrollLeft
    this.caption.style.left = `${Math.max(this.strips.scrollLeft, Math.min(across, room + this.strips.scrollLeft))}px`
    const above = here.top - frame.top - this.caption.offsetHeight - 5
    this.caption.style.top = `${above >= 0 ? above : here.bottom - frame.top + 5}px`
  }

  choose(layer, rest) {
    this.chosen = layer
    this.awaited = layer
    this.patience = Date.now() + PATIENCE
    this.mark()
    this.see(layer)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.pick(layer), rest)
  }

  key(event) {
    const last = this.data.names.length - 1
    const next = { ArrowLeft: this.chosen - 1, ArrowRight: this.chosen + 1, Home: 0, End: last }[event.key]
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    this.caption.style.display = "none"
    if (next >= 0 && next <= last) this.choose(next, KEYS_REST)
  }
}
