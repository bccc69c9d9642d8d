// Many small pictures on one canvas. Hover reads, a click or an arrow key picks; Python hears of it once the keys rest.

const KEYS_REST = 160 // milliseconds
const PATIENCE = 3000
const LINE = 15 // of a title, in pixels
const MARK = 4 // a marked picture's bar
const HINT = 112 // pixels of the page that a hint is wide and high
const grids = new WeakMap()

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let grid = grids.get(parentElement)
  if (!grid) {
    grid = new Grid(parentElement)
    grids.set(parentElement, grid)
  }
  grid.pick = (index) => setTriggerValue("picked", index)
  grid.show(data)
  return () => {
    grid.observer.disconnect()
    clearTimeout(grid.timer)
    grids.delete(parentElement)
  }
}

class Grid {
  constructor(parent) {
    this.root = parent.querySelector(".grid")
    this.canvas = parent.querySelector("canvas")
    this.ring = parent.querySelector(".ring")
    this.hover = parent.querySelector(".hover")
    this.caption = parent.querySelector(".caption")
    this.words = parent.querySelector(".caption span")
    this.hint = parent.querySelector(".hint")
    this.spoken = parent.querySelector(".spoken")
    this.picture = new Image()
    this.coming = new Image()
    this.selected = null
    this.awaited = null // picked here, not yet confirmed by Python
    this.picture.onload = () => this.draw()
    this.canvas.onpointermove = (event) => this.point(event)
    this.canvas.onpointerleave = () => this.unpoint()
    this.canvas.onclick = (event) => this.choose(this.indexAt(event), 0)
    this.root.onkeydown = (event) => this.key(event)
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.root)
  }

  show(data) {
    this.data = data
    this.dim = new Set(data.dim)
    this.marked = new Set(data.marked)
    this.root.classList.toggle("pickable", data.pickable)
    this.root.setAttribute("aria-label", data.label)
    this.root.style.maxHeight = data.height ? `${data.height}px` : ""
    // An answer to an earlier key press must not pull the ring back while the reader is already further on.
    if (data.selected === this.awaited || Date.now() > this.patience) this.awaited = null
    if (this.awaited === null) this.selected = data.selected
    this.unpoint()
    if (data.hints && this.hinted !== data.hints.sheet) this.coming.src = this.hinted = data.hints.sheet // before a hover
    if (this.shown !== data.sheet) this.picture.src = this.shown = data.sheet
    else this.draw()
  }

  layout() {
    const { tile, gap, tileWidth, tileHeight, count, columns } = this.data
    const width = this.root.clientWidth - 6
    const fitting = columns || Math.max(1, Math.floor((width + gap) / (tile + gap)))
    let side = Math.max(8, Math.floor((width - (fitting - 1) * gap) / fitting))
    if (!columns) side = Math.min(side, Math.ceil(tile * 1.5))
    if (tileWidth <= side) side = Math.floor(side / tileWidth) * tileWidth // whole pixels stay whole
    const across = columns || Math.min(count, Math.max(1, Math.floor((width + gap) / (side + gap))))
    const high = Math.max(1, Math.round((side * tileHeight) / tileWidth))
    const below = LINE * Math.max(0, ...this.data.titles.map((title) => title.split("\n").length))
    return { side, high, across, gap, down: high + below + gap, rows: Math.ceil(count / across) }
  }

  draw() {
    if (!this.data || !this.root.clientWidth || !this.picture.complete || !this.picture.naturalWidth) return
    const { count, numbers, tileWidth, tileHeight, sheetColumns } = this.data
    const { side, high, across, gap, down, rows } = (this.place = this.layout())
    const ratio = window.devicePixelRatio || 1
    const width = across * (side + gap) - gap
    const height = rows * down - gap
    this.canvas.width = width * ratio
    this.canvas.height = height * ratio
    this.canvas.style.width = `${width}px`
    this.canvas.style.height = `${height}px`
    const brush = this.canvas.getContext("2d")
    brush.scale(ratio, ratio)
    brush.imageSmoothingEnabled = tileWidth > side
    brush.imageSmoothingQuality = "high"
    const style = getComputedStyle(this.root)
    const ink = style.getPropertyValue("--st-text-color") || "grey"
    brush.font = `12px ${style.getPropertyValue("--st-font") || "sans-serif"}`
    brush.fillStyle = ink
    for (let index = 0; index < count; index++) {
      const x = (index % across) * (side + gap)
      const y = Math.floor(index / across) * down
      const dim = this.dim.has(index)
      brush.globalAlpha = dim ? 0.3 : 1
      const number = numbers[index]
      brush.drawImage(
        this.picture,
        (number % sheetColumns) * tileWidth, Math.floor(number / sheetColumns) * tileHeight, tileWidth, tileHeight,
        x, y, side, high,
      )
      if (dim) {
        brush.strokeStyle = ink
        brush.beginPath()
        brush.moveTo(x, y + high)
        brush.lineTo(x + side, y)
        brush.stroke()
      }
      brush.globalAlpha = 1
      if (this.marked.has(index)) {
        brush.fillStyle = style.getPropertyValue("--st-primary-color")
        brush.fillRect(x, y + high - MARK, side, MARK)
        brush.fillStyle = ink
      }
      const lines = this.data.titles[index]?.split("\n") ?? []
      lines.forEach((line, number) => {
        brush.globalAlpha = number ? 0.66 : 0.9
        brush.fillText(fitting(brush, line, side), x, y + high + LINE * (number + 1) - 2)
      })
    }
    this.frame(this.ring, this.selected)
    this.speak()
  }

  frame(box, index) {
    if (index === null || index === undefined || index < 0 || index >= this.data.count || !this.place) {
      box.style.display = "none"
      return
    }
    const { side, high, across, gap, down } = this.place
    box.style.display = "block"
    box.style.left = `${3 + (index % across) * (side + gap)}px`
    box.style.top = `${3 + Math.floor(index / across) * down}px`
    box.style.width = `${side}px`
    box.style.height = `${high}px`
  }

  indexAt(event) {
    const { side, across, gap, down } = this.place
    const column = Math.floor(event.offsetX / (side + gap))
    const row = Math.floor(event.offsetY / down)
    const index = row * across + column
    return column < across && index < this.data.count ? index : null
  }

  point(event) {
    if (!this.place) return
    const index = this.indexAt(event)
    if (index === null) return this.unpoint()
    this.frame(this.hover, index)
    this.words.textContent = this.data.captions[index] ?? String(index)
    this.drawHint(index)
    this.caption.style.display = this.words.textContent || this.data.hints ? "block" : "none"
    const left = this.hover.offsetLeft
    const room = this.root.clientWidth - this.caption.offsetWidth - 4
    this.caption.style.left = `${Math.max(0, Math.min(left, room))}px`
    const above = this.hover.offsetTop - this.caption.offsetHeight - 5
    const shown = above >= this.root.scrollTop
    this.caption.style.top = `${shown ? above : this.hover.offsetTop + this.hover.offsetHeight + 5}px`
  }

  // What the caption shows above its words, from a sheet of its own.
  drawHint(index) {
    const { hints } = this.data
    this.hint.style.display = hints ? "block" : "none"
    if (!hints) return
    const row = Math.floor(hints.numbers[index] / hints.sheetColumns)
    const column = hints.numbers[index] % hints.sheetColumns
    this.hint.style.backgroundImage = `url("${hints.sheet}")`
    this.hint.style.backgroundSize = `${HINT * hints.sheetColumns}px auto`
    this.hint.style.backgroundPosition = `${-HINT * column}px ${-HINT * row}px`
  }

  unpoint() {
    this.hover.style.display = "none"
    this.caption.style.display = "none"
  }

  choose(index, rest) {
    if (index === null || !this.data.pickable) return
    this.selected = index
    this.awaited = index
    this.patience = Date.now() + PATIENCE
    this.frame(this.ring, index)
    this.speak()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.pick(index), rest)
  }

  key(event) {
    if (!this.place || !this.data.pickable) return
    const { across } = this.place
    const last = this.data.count - 1
    const at = this.selected ?? -1
    const next = {
      ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - across, ArrowDown: at < 0 ? 0 : at + across,
      Home: 0, End: last,
    }[event.key]
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    if (next < 0 || next > last) return
    this.choose(next, KEYS_REST)
    this.ring.scrollIntoView({ block: "nearest" })
  }

  speak() {
    const text = this.selected === null ? "" : this.data.captions[this.selected] ?? String(this.selected)
    if (this.spoken.textContent !== text) this.spoken.textContent = text
  }
}

// A title that is too long keeps its end, in whole words where it has several: names of layers and channels differ there.
function fitting(brush, text, width) {
  if (brush.measureText(text).width <= width) return text
  let kept = text
  while (kept && brush.measureText(`…${kept}`).width > width) kept = kept.slice(kept.indexOf(" ") + 1 || 1)
  return `…${kept}`
}
