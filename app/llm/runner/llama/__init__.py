"""llama.cpp itself: the only folder that imports llama_cpp. Blocking, without threads or Qt."""
