// A square, or a picture, to draw on. Python hears of it once the pen rests: without colours the ink of every pixel, of 255; with
// colours the drawing as a PNG.

const REST = 500 // milliseconds
const PENS = [3, 7, 14] // pixels of 64
const sketches = new WeakMap()

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let sketch = sketches.get(parentElement)
  if (!sketch) {
    sketch = new Sketch(parentElement, data ?? {})
    sketches.set(parentElement, sketch)
  }
  sketch.tell = (drawn) => setTriggerValue("drawn", drawn)
  return () => {
    clearTimeout(sketch.timer)
    sketches.delete(parentElement)
  }
}

class Sketch {
  constructor(parent, { side = 32, tall = side, pen = 4, colours = [], label, under, drawn }) {
    this.canvas = parent.querySelector("canvas")
    Object.assign(this.canvas, { width: side, height: tall })
    this.canvas.style.aspectRatio = `${side} / ${tall}`
    if (label) this.canvas.ariaLabel = label
    this.colours = colours
    this.under = under
    if (under) Object.assign(this.canvas.style, { background: `url(${under}) center / 100% 100%`, imageRendering: "pixelated" })
    this.paper = colours[0] ?? "white"
    this.brush = this.canvas.getContext("2d", { willReadFrequently: true })
    this.brush.lineWidth = pen
    this.brush.lineCap = this.brush.lineJoin = "round"
    this.brush.strokeStyle = colours[1] ?? "black"
    this.wipe()
    if (drawn) this.draw(drawn)
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId)
      clearTimeout(this.timer)
      this.from = this.at(event)
      this.line(this.from)
    }
    this.canvas.onpointermove = (event) => this.from && this.line(this.at(event))
    this.canvas.onpointerup = () => {
      this.from = null
      this.timer = setTimeout(() => this.tell(this.drawn()), REST)
    }
    parent.querySelector(".wipe").onclick = () => {
      this.paper = this.colours[0] ?? "white"
      this.wipe()
      this.tell(this.colours.length ? "" : [])
    }
    this.palette(parent.querySelector(".palette"))
  }

  palette(place) {
    const choice = (parts, chosen, choose) => {
      const row = document.createElement("div")
      const buttons = parts.map(([className, style, label, value]) => {
        const button = document.createElement("button")
        button.type = "button"
        button.className = className
        button.ariaLabel = button.title = label
        Object.assign(button.style, style)
        button.onclick = () => {
          choose(value)
          for (const other of buttons) other.ariaPressed = String(other === button)
        }
        return button
      })
      buttons.forEach((button, number) => (button.ariaPressed = String(number === chosen)))
      row.append(...buttons)
      place.append(row)
    }
    if (!this.colours.length) return
    const named = (colour) => (this.under && colour === this.colours[0] ? "take away what was painted" : colour)
    const swatches = this.colours.map((colour) => ["swatch", { background: colour }, named(colour), colour])
    choice(swatches, 1, (colour) => {
      this.brush.strokeStyle = colour
      // Over a picture the paper's colour takes away what was painted.
      this.brush.globalCompositeOperation = this.under && colour === this.colours[0] ? "destination-out" : "source-over"
    })
    const across = (pen) => `${(pen * 22) / 14}px`
    const pens = PENS.map((pen) => ["pen", { width: across(pen), height: across(pen) }, `a brush of ${pen} pixels`, pen])
    choice(pens, 1, (pen) => (this.brush.lineWidth = (pen * this.canvas.width) / 64))
    if (this.under) return
    const fill = document.createElement("button")
    fill.type = "button"
    fill.textContent = "All in this colour"
    fill.onclick = () => {
      this.paper = this.brush.strokeStyle
      this.wipe()
      this.tell(this.drawn())
    }
    place.append(fill)
  }

  wipe() {
    clearTimeout(this.timer) // a stroke that was not told of yet is wiped as well
    if (this.under) return this.brush.clearRect(0, 0, this.canvas.width, this.canvas.height)
    this.brush.fillStyle = this.paper
    this.brush.fillRect(0, 0, this.canvas.width, this.canvas.height)
  }

  at(event) {
    const scale = this.canvas.width / this.canvas.clientWidth
    return [event.offsetX * scale, event.offsetY * scale]
  }

  line(to) {
    this.brush.beginPath()
    this.brush.moveTo(...this.from)
    this.brush.lineTo(...to)
    this.brush.stroke()
    this.from = to
  }

  // Draw what lay here before; Python knows of it already.
  draw(drawn) {
    if (this.colours.length) {
      const picture = new Image()
      picture.onload = () => this.brush.drawImage(picture, 0, 0)
      picture.src = drawn
      return
    }
    const pixels = this.brush.getImageData(0, 0, this.canvas.width, this.canvas.height)
    drawn.forEach((ink, place) => pixels.data.fill(255 - ink, 4 * place, 4 * place + 3))
    this.brush.putImageData(pixels, 0, 0)
  }

  drawn() {
    if (this.colours.length) return this.canvas.toDataURL("image/png")
    const { data } = this.brush.getImageData(0, 0, this.canvas.width, this.canvas.height)
    return Array.from({ length: data.length / 4 }, (_, place) => 255 - data[4 * place])
  }
}
