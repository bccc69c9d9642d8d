// Live painting: every picture that was grabbed comes back painted. Another style counts from the next picture on.

const boxes = new WeakMap()

export default function ({ data: [data], parentElement }) {
  let box = boxes.get(parentElement)
  if (!box) {
    box = new LivePainter(parentElement)
    boxes.set(parentElement, box)
  }
  box.begin(data)
  return () => {
    box.close()
    boxes.delete(parentElement)
  }
}

class LivePainter extends Live {
  constructor(parent) {
    super(parent.querySelector(".painter"), "painting", { width: 1024, height: 512 })
    this.painted = parent.querySelector(".painted")
  }

  question() {
    const { style, steady, ownColours } = this.data
    return { style, steady: steady ? 1 : 0, own: ownColours ? 1 : 0 }
  }

  async take(message, number) {
    const picture = await createImageBitmap(new Blob([message], { type: "image/jpeg" }))
    if (number < this.drawn || !this.address) return
    this.drawn = number
    Object.assign(this.painted, { width: picture.width, height: picture.height })
    this.painted.getContext("2d").drawImage(picture, 0, 0)
    this.screen?.()
  }

  drawScreen(brush) {
    brush.imageSmoothingQuality = "high"
    brush.drawImage(this.seen, 0, 0, 512, 512)
    brush.drawImage(this.painted, 512, 0, 512, 512)
  }
}
