# docker build -t convscope .
# docker run -p 127.0.0.1:8501:8501 convscope
FROM python:3.11-slim

# Which of PyTorch's builds the image holds: `cpu`, or a CUDA version as PyTorch names it, as in --build-arg TORCH=cu130.
ARG TORCH=cpu
# Networks whose official weights are laid into the image, as in --build-arg NETWORKS="resnet18 vgg16".
ARG NETWORKS=""

ENV VIZCORE_CACHE=/cache PYTHONUNBUFFERED=1
WORKDIR /convscope

COPY requirements.txt .
RUN pip install --no-cache-dir --extra-index-url "https://download.pytorch.org/whl/$TORCH" -r requirements.txt

COPY . .
RUN useradd --create-home reader && install -d -o reader "$VIZCORE_CACHE"
USER reader
RUN [ -z "$NETWORKS" ] || python -m vizcore fetch $NETWORKS

# Weights and indexes. What the image holds here is copied into a new volume.
VOLUME /cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from http.client import HTTPConnection; server = HTTPConnection('127.0.0.1', 8501, timeout=4); server.request('GET', '/_stcore/health'); exit(server.getresponse().status != 200)"]
# Everywhere within the container; who outside can reach it is decided by -p.
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
