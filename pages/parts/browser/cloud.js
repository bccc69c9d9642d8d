// One collection as points on one or several maps. Hover one and see it on all; draw round some and Python hears which.

const TWEEN = 240 // milliseconds from one frame of a run to the next
const NEAR = 18 // pixels from the cursor to a point that it means
const CLICK = 5 // pixels that a click may wander
const clouds = new WeakMap()

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let cloud = clouds.get(parentElement)
  if (!cloud) {
    cloud = new Cloud(parentElement)
    clouds.set(parentElement, cloud)
  }
  cloud.choose = (numbers) => setTriggerValue("lassoed", numbers)
  cloud.show(data)
  return () => {
    cloud.observer.disconnect()
    cancelAnimationFrame(cloud.request)
    clouds.delete(parentElement)
  }
}

class Cloud {
  constructor(parent) {
    this.root = parent.querySelector(".cloud")
    this.place = parent.querySelector(".panels")
    this.bubble = parent.querySelector(".bubble")
    this.spoken = parent.querySelector(".spoken")
    this.sheet = new Image()
    this.sheet.onload = () => this.draw()
    this.panels = []
    this.hovered = null
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.root)
  }

  show(data) {
    const grown = this.data && this.data.captions.length !== data.captions.length
    this.data = data
    this.colours = data.kinds.map((kind) => data.colours[kind])
    this.selected = new Set(data.selected)
    if (grown) this.hovered = null
    while (this.panels.length > data.panels.length) this.panels.pop().figure.remove()
    while (this.panels.length < data.panels.length) this.panels.push(this.panel())
    data.panels.forEach((given, number) => {
      const panel = this.panels[number]
      panel.title.textContent = given.title
      panel.note.textContent = given.note
      panel.canvas.setAttribute("aria-label", given.label)
      const target = new Float32Array(bytes(given.points).buffer)
      panel.from = panel.points?.length === target.length ? panel.points.slice() : target
      panel.points = panel.from.slice()
      panel.target = target
    })
    if (data.sheet && this.sheet.src !== data.sheet) this.sheet.src = data.sheet
    this.began = performance.now()
    cancelAnimationFrame(this.request)
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches
    const step = (now) => {
      const share = still ? 1 : Math.min(1, (now - this.began) / TWEEN)
      for (const panel of this.panels)
        for (let i = 0; i < panel.target.length; i++)
          panel.points[i] = panel.from[i] + (panel.target[i] - panel.from[i]) * share
      this.draw()
      if (share < 1) this.request = requestAnimationFrame(step)
    }
    step(this.began + 1)
  }

  panel() {
    const figure = document.createElement("figure")
    figure.className = "panel"
    figure.innerHTML = '<b></b><canvas tabindex="0" role="img"></canvas><figcaption></figcaption>'
    this.place.append(figure)
    const canvas = figure.querySelector("canvas")
    const panel = { figure, canvas, title: figure.querySelector("b"), note: figure.querySelector("figcaption"), lasso: null }
    canvas.onpointermove = (event) => this.move(panel, event)
    canvas.onpointerdown = (event) => this.down(panel, event)
    canvas.onpointerup = (event) => this.up(panel, event)
    canvas.onpointerleave = () => panel.lasso || this.hover(panel, null)
    canvas.onkeydown = (event) => this.key(panel, event)
    canvas.onblur = () => this.hover(panel, null)
    return panel
  }

  get small() {
    return this.data.sheet && this.data.thumbnails && this.sheet.complete && this.sheet.naturalWidth
  }

  draw() {
    if (!this.data) return
    for (const panel of this.panels) this.drawPanel(panel)
    this.ring()
  }

  drawPanel(panel) {
    const { canvas, points } = panel
    const side = canvas.clientWidth
    if (!side) return
    const ratio = window.devicePixelRatio || 1
    canvas.width = canvas.height = side * ratio
    const brush = (panel.brush = canvas.getContext("2d"))
    brush.scale(ratio, ratio)
    const { count, cells } = { count: points.length / 2, cells: this.data.cells }
    const tile = cells ? (side - 8) / cells : this.small ? Math.max(10, Math.min(30, side / Math.sqrt(count) * 0.9)) : 0
    const edge = cells ? 4 + tile / 2 : tile / 2 + 12
    panel.at = points.map((place, axis) => edge + (side - 2 * edge) * (axis % 2 ? 1 - place : place))
    panel.tile = tile
    const style = getComputedStyle(this.root)
    const accent = style.getPropertyValue("--st-primary-color")
    const radius = count > 1200 ? 2.2 : count > 300 ? 3 : 4.2
    const faint = this.selected.size ? 0.22 : 1
    for (let number = 0; number < count; number++) {
      const [x, y] = [panel.at[2 * number], panel.at[2 * number + 1]]
      brush.globalAlpha = this.selected.size && !this.selected.has(number) ? faint : this.small ? 1 : 0.85
      if (this.small) this.tile(brush, number, x, y, tile - (cells ? 1 : 0), this.colours[number])
      else {
        brush.fillStyle = this.colours[number]
        brush.beginPath()
        brush.arc(x, y, cells ? Math.min(radius * 2, tile / 2.4) : radius, 0, 7)
        brush.fill()
      }
    }
    brush.globalAlpha = 1
    if (panel.lasso) {
      brush.strokeStyle = accent
      brush.lineWidth = 1.5
      brush.beginPath()
      panel.lasso.forEach(([x, y], step) => (step ? brush.lineTo(x, y) : brush.moveTo(x, y)))
      brush.closePath()
      brush.stroke()
      brush.globalAlpha = 0.1
      brush.fillStyle = accent
      brush.fill()
      brush.globalAlpha = 1
    }
  }

  tile(brush, number, x, y, size, colour) {
    const { sheetColumns, tileWidth, tileHeight } = this.data
    brush.imageSmoothingEnabled = tileWidth > size
    brush.drawImage(
      this.sheet,
      (number % sheetColumns) * tileWidth, Math.floor(number / sheetColumns) * tileHeight, tileWidth, tileHeight,
      x - size / 2, y - size / 2, size, size,
    )
    if (!colour) return
    brush.strokeStyle = colour
    brush.lineWidth = Math.max(1, size / 12)
    brush.strokeRect(x - size / 2, y - size / 2, size, size)
  }

  // The picture under the cursor is framed on every map, so that one can follow it from the one to the other.
  ring() {
    const number = this.hovered
    if (number === null) return
    const style = getComputedStyle(this.root)
    for (const { brush, at, tile } of this.panels) {
      if (!brush) continue
      const [x, y] = [at[2 * number], at[2 * number + 1]]
      if (this.small) this.tile(brush, number, x, y, Math.max(tile, 26), null)
      const half = this.small ? Math.max(tile, 26) / 2 + 2 : 8
      for (const [width, colour] of [[5, "--st-background-color"], [2.5, "--st-primary-color"]]) {
        brush.lineWidth = width
        brush.strokeStyle = style.getPropertyValue(colour)
        brush.beginPath()
        if (this.small) brush.rect(x - half, y - half, 2 * half, 2 * half)
        else brush.arc(x, y, half, 0, 7)
        brush.stroke()
      }
    }
  }

  hover(panel, number) {
    if (number === this.hovered && number === null) return
    this.hovered = number
    this.draw()
    if (number === null) {
      this.bubble.style.display = "none"
      return
    }
    const text = this.data.captions[number]
    this.bubble.style.display = "flex"
    this.bubble.querySelector("span").textContent = text
    this.spoken.textContent = text
    const drawn = this.data.sheet && this.sheet.complete && this.sheet.naturalWidth
    this.bubble.classList.toggle("bare", !drawn)
    if (drawn) {
      const { sheetColumns, tileWidth, tileHeight } = this.data
      const close = this.bubble.querySelector("canvas")
      close.width = tileWidth
      close.height = tileHeight
      close.getContext("2d").drawImage(
        this.sheet,
        (number % sheetColumns) * tileWidth, Math.floor(number / sheetColumns) * tileHeight, tileWidth, tileHeight,
        0, 0, tileWidth, tileHeight,
      )
    }
    const left = panel.canvas.offsetLeft + panel.at[2 * number] + 16
    const top = panel.canvas.offsetTop + panel.at[2 * number + 1] - this.bubble.offsetHeight / 2
    const room = this.root.clientWidth - this.bubble.offsetWidth
    this.bubble.style.left = `${left > room ? Math.max(0, left - 32 - this.bubble.offsetWidth) : left}px`
    this.bubble.style.top = `${Math.max(0, top)}px`
  }

  nearest(panel, x, y, reach) {
    let [best, distance] = [null, reach * reach]
    for (let number = 0; number < panel.at.length / 2; number++) {
      const far = (panel.at[2 * number] - x) ** 2 + (panel.at[2 * number + 1] - y) ** 2
      if (far < distance) [best, distance] = [number, far]
    }
    return best
  }

  move(panel, event) {
    if (!panel.at) return
    if (panel.lasso) {
      panel.lasso.push([event.offsetX, event.offsetY])
      return this.draw()
    }
    this.hover(panel, this.nearest(panel, event.offsetX, event.offsetY, Math.max(NEAR, panel.tile)))
  }

  down(panel, event) {
    if (event.button) return
    panel.canvas.setPointerCapture(event.pointerId)
    panel.lasso = [[event.offsetX, event.offsetY]]
  }

  up(panel, event) {
    const path = panel.lasso
    panel.lasso = null
    if (!path || !panel.at) return
    const [x, y] = path[0]
    if (path.every(([a, b]) => Math.hypot(a - x, b - y) < CLICK)) {
      const one = this.nearest(panel, event.offsetX, event.offsetY, Math.max(NEAR, panel.tile))
      this.take(one === null ? [] : [one])
      return
    }
    const held = []
    for (let number = 0; number < panel.at.length / 2; number++)
      if (inside(path, panel.at[2 * number], panel.at[2 * number + 1])) held.push(number)
    this.take(held)
  }

  take(numbers) {
    this.selected = new Set(numbers)
    this.draw()
    this.choose(numbers)
  }

  key(panel, event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (event.key === "Escape") return this.take([])
    if (event.key === "Enter" && this.hovered !== null) return this.take([this.hovered])
    if (!way || !panel.at || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const from = this.hovered === null ? [panel.canvas.clientWidth / 2, panel.canvas.clientWidth / 2]
      : [panel.at[2 * this.hovered], panel.at[2 * this.hovered + 1]]
    let [best, cost] = [null, Infinity]
    for (let number = 0; number < panel.at.length / 2; number++) {
      const [x, y] = [panel.at[2 * number] - from[0], panel.at[2 * number + 1] - from[1]]
      const [along, aside] = [x * way[0] + y * way[1], Math.abs(x * way[1] + y * way[0])]
      if (number !== this.hovered && along > 0 && along + 3 * aside < cost) [best, cost] = [number, along + 3 * aside]
    }
    if (best !== null) this.hover(panel, best)
  }
}

function inside(path, x, y) {
  let odd = false
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [[a, b], [c, d]] = [path[i], path[j]]
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) odd = !odd
  }
  return odd
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}
