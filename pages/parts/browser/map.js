// A picture with a map over it. The browser blends, reads values under the cursor and shows what a cell can see.

const KEYS_REST = 160 // milliseconds
const PATIENCE = 3000
const maps = new WeakMap()
const SHARED = "convscope.opacity" // one slider moves every map on the page, and the next page remembers it

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let map = maps.get(parentElement)
  if (!map) {
    map = new MapView(parentElement)
    maps.set(parentElement, map)
  }
  map.pick = (cell) => setTriggerValue("picked", cell)
  map.show(data)
  return () => {
    map.observer.disconnect()
    window.removeEventListener(SHARED, map.listener)
    clearTimeout(map.timer)
    maps.delete(parentElement)
  }
}

class MapView {
  constructor(parent) {
    for (const name of ["map", "stage", "picture", "heat", "boxes", "field", "cell", "stamp", "bar", "low", "high", "measure", "smoothing", "reading", "controls"])
      this[name] = parent.querySelector(`.${name}`)
    this.slider = parent.querySelector("input")
    this.slider.oninput = () => {
      sessionStorage.setItem(SHARED, this.slider.value)
      window.dispatchEvent(new CustomEvent(SHARED, { detail: this.slider.value }))
    }
    this.listener = (event) => this.blend(event.detail)
    window.addEventListener(SHARED, this.listener)
    this.smoothing.onclick = () => {
      this.smooth = !this.smooth
      this.draw()
    }
    this.stage.onpointermove = (event) => this.point(this.cellAt(event))
    this.stage.onpointerleave = () => this.point(null)
    this.stage.onclick = (event) => this.choose(this.cellAt(event), 0)
    this.stage.onkeydown = (event) => this.key(event)
    this.observer = new ResizeObserver(() => this.fit())
    this.observer.observe(this.map)
  }

  show(data) {
    const before = this.data
    this.data = data
    if (data.cell?.join() === this.awaited?.join() || Date.now() > this.patience) this.awaited = null
    if (!this.awaited) this.chosen = data.cell
    if (before && same(data, before)) return this.frameCell() // a page with a job is drawn again, frame or no frame
    this.values = data.values ? new Float32Array(bytes(data.values).buffer) : null
    this.places = data.places ? new Uint32Array(bytes(data.places).buffer) : null
    this.ramp = data.ramp ? bytes(data.ramp) : null
    if (data.smooth !== before?.smooth) this.smooth = data.smooth
    this.picture.src = data.picture
    this.map.classList.toggle("bare", data.bare)
    this.map.classList.toggle("plain", !this.values)
    this.map.classList.toggle("solid", data.solid)
    this.stage.classList.toggle("pickable", data.pickable)
    this.stage.setAttribute("aria-label", data.label)
    this.stamp.textContent = data.stamp
    this.stamp.hidden = !data.stamp
    this.stage.tabIndex = data.pickable ? 0 : -1
    if (this.values) this.legend()
    this.fit()
    this.point(null)
    this.draw()
    this.blend(sessionStorage.getItem(SHARED) ?? data.opacity)
  }

  fit() {
    if (!this.data) return
    const { pictureWidth, pictureHeight, width } = this.data
    const across = Math.min(this.map.clientWidth, width)
    if (!across) return
    this.stage.style.width = `${across}px`
    this.stage.style.height = `${(across * pictureHeight) / pictureWidth}px`
    this.controls.style.maxWidth = `${Math.max(across, 240)}px`
    this.picture.classList.toggle("pixels", pictureWidth < across)
    this.marks()
    if (this.heat.width !== Math.round(across * (window.devicePixelRatio || 1))) this.draw()
  }

  blend(opacity) {
    const share = this.data.solid ? 1 : Number(opacity)
    this.slider.value = opacity
    this.heat.style.opacity = this.values ? share : 0
    // The picture goes grey beneath the map, so that colour belongs to the map alone.
    this.picture.style.filter = this.values ? `grayscale(${Math.min(1, share * 1.4)})` : ""
  }

  legend() {
    const { ends, measure } = this.data
    const ramp = this.ramp
    const brush = this.bar.getContext("2d")
    const strip = brush.createImageData(256, 1)
    for (let step = 0; step < 256; step++) strip.data.set([...ramp.subarray(4 * step, 4 * step + 3), 255], 4 * step)
    brush.putImageData(strip, 0, 0)
    this.low.textContent = ends[0]
    this.high.textContent = ends[1]
    this.measure.textContent = measure
  }

  draw() {
    if (!this.values || !this.stage.clientWidth) return
    const { rows, columns, low, high } = this.data
    const ramp = this.ramp
    const ratio = window.devicePixelRatio || 1
    const width = Math.round(this.stage.clientWidth * ratio)
    const height = Math.round(this.stage.clientHeight * ratio)
    this.heat.width = width
    this.heat.height = height
    const brush = this.heat.getContext("2d")
    const pixels = brush.createImageData(width, height)
    const span = Math.max(high - low, 1e-12)
    const values = this.values
    for (let y = 0, place = 0; y < height; y++) {
      const v = ((y + 0.5) * rows) / height - 0.5
      const top = this.smooth ? Math.max(0, Math.floor(v)) : Math.min(rows - 1, Math.round(v))
      const bottom = Math.min(rows - 1, top + 1)
      const down = this.smooth ? Math.max(0, v - top) : 0
      for (let x = 0; x < width; x++, place += 4) {
        const u = ((x + 0.5) * columns) / width - 0.5
        const left = this.smooth ? Math.max(0, Math.floor(u)) : Math.min(columns - 1, Math.round(u))
        let value
        if (this.smooth) {
          const right = Math.min(columns - 1, left + 1)
          const along = Math.max(0, u - left)
          const above = values[top * columns + left] * (1 - along) + values[top * columns + right] * along
          const below = values[bottom * columns + left] * (1 - along) + values[bottom * columns + right] * along
          value = above * (1 - down) + below * down
        } else value = values[top * columns + left]
        const step = 4 * Math.round(255 * Math.min(1, Math.max(0, (value - low) / span)))
        for (let part = 0; part < 4; part++) pixels.data[place + part] = ramp[step + part]
      }
    }
    brush.putImageData(pixels, 0, 0)
    this.smoothing.textContent = this.smooth ? "show cells" : "show smooth"
  }

  marks() {
    const { boxes, pictureWidth, pictureHeight } = this.data
    this.boxes.replaceChildren(
      ...boxes.map(({ box, label }) => {
        const frame = document.createElement("div")
        lay(frame, box, pictureHeight, pictureWidth)
        if (label) {
          const text = document.createElement("span")
          text.textContent = label
          frame.append(text)
          frame.classList.toggle("under", box[2] > pictureHeight * 0.9)
          frame.classList.toggle("ending", box[1] + box[3] > pictureWidth) // in the right half
        }
        return frame
      }),
    )
    this.spread()
    this.frameCell()
  }

  // A label that would cover another goes to the other edge of its box or, where that is taken too, further down.
  spread() {
    const laid = []
    for (const text of this.boxes.querySelectorAll("span")) {
      const covers = () => {
        const mine = text.getBoundingClientRect()
        return laid.some((its) =>
          mine.left < its.right && its.left < mine.right && mine.top < its.bottom - 1 && its.top < mine.bottom - 1)
      }
      if (covers()) {
        text.parentElement.classList.toggle("under")
        if (covers()) text.parentElement.classList.toggle("under")
      }
      for (let down = 1; covers() && down <= laid.length; down++) text.style.transform = `translateY(${100 * down}%)`
      laid.push(text.getBoundingClientRect())
    }
  }

  frameCell() {
    this.cell.style.display = this.chosen ? "block" : "none"
    if (!this.chosen) return
    const [row, column] = this.chosen
    lay(this.cell, [row, column, row + 1, column + 1], this.data.rows, this.data.columns)
  }

  cellAt(event) {
    const { rows, columns } = this.data
    if (!rows) return null
    const box = this.stage.getBoundingClientRect()
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows)
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns)
    return row >= 0 && row < rows && column >= 0 && column < columns ? [row, column] : null
  }

  point(cell) {
    const { fields, pictureHeight, pictureWidth, columns, measure, readings } = this.data
    let seen = ""
    this.field.style.display = cell && fields ? "block" : "none"
    if (cell && fields) {
      const [[top, bottom], [left, right]] = [fields.rows[cell[0]], fields.columns[cell[1]]]
      lay(this.field, [top, left, bottom, right], pictureHeight, pictureWidth)
      if (bottom - top === pictureHeight && right - left === pictureWidth) {
        this.field.style.display = "none"
        seen = ", which can see the whole picture"
      }
    }
    const value = cell && this.places ? `: ${readings[this.places[cell[0] * columns + cell[1]]]} ${measure}` : ""
    this.reading.textContent = cell ? `row ${cell[0]}, column ${cell[1]}${seen}${value}` : this.data.note
  }

  choose(cell, rest) {
    if (!cell || !this.data.pickable) return
    this.chosen = cell
    this.awaited = cell
    this.patience = Date.now() + PATIENCE
    this.frameCell()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.pick(cell), rest)
  }

  key(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key]
    if (!move || !this.data.pickable || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const { rows, columns } = this.data
    const [row, column] = this.chosen ?? [Math.floor(rows / 2), Math.floor(columns / 2)]
    const next = [Math.min(rows - 1, Math.max(0, row + move[0])), Math.min(columns - 1, Math.max(0, column + move[1]))]
    this.choose(next, KEYS_REST)
    this.point(next)
  }
}

function same(one, other) {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => one[name] === other[name] || JSON.stringify(one[name]) === JSON.stringify(other[name]))
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

function lay(element, [top, left, bottom, right], height, width) {
  element.style.top = `${(100 * top) / height}%`
  element.style.left = `${(100 * left) / width}%`
  element.style.height = `${(100 * (bottom - top)) / height}%`
  element.style.width = `${(100 * (right - left)) / width}%`
}
